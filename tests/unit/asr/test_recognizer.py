"""What the recognizer asks the models, and what it believes of their answers."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from services.asr.model import SAMPLE_RATE
from services.asr.recognizer import Recognition, Recognizer
from services.asr.transcriber import Transcriber
from services.inference.port import Tensors
from services.serving.errors import DeadlineExceeded, Unavailable
from tests.fakes.inference import FakeInference

FRAME = 512


def loud_is_speech(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Voice activity of a world where all that is loud is speech."""
    count = -(-len(samples) // FRAME)
    frames = np.zeros(count * FRAME, np.float32)
    frames[: len(samples)] = np.abs(samples)
    return np.asarray(frames.reshape(count, FRAME).max(axis=1) > 0.1, np.float32)


def sound(*parts: tuple[float, float]) -> NDArray[np.float32]:
    """(seconds, loudness) one after the other."""
    return np.concatenate([np.full(round(s * SAMPLE_RATE), loud, np.float32) for s, loud in parts])


def answer(
    words: list[tuple[str, float, float]] | None = None,
    *,
    language: str = "en",
    probability: float = 0.9,
    no_speech: float = 0.0,
    language_probability: float = 0.75,
) -> Tensors:
    words = words if words is not None else [("Hello,", 0.4, 0.8), ("shop.", 0.8, 1.2)]
    return {
        "text": np.array([("" if language == "zh" else " ").join(w for w, _, _ in words).encode()], object),
        "heard_language": np.array([language.encode()], object),
        "language_probability": np.array([language_probability], np.float32),
        "words": np.array([w.encode() for w, _, _ in words], object),
        "word_times": np.array([t for _, *t in words], np.float32).reshape(-1, 2),
        "word_probabilities": np.full(len(words), probability, np.float32),
        "confidence": np.array([probability if words else 0.0], np.float32),
        "no_speech_probability": np.array([no_speech], np.float32),
    }


def recognizer(
    en: Callable[[Tensors], Tensors] | None = None, multilingual: Callable[[Tensors], Tensors] | None = None
) -> tuple[Recognizer, FakeInference]:
    inference = FakeInference(
        {
            "asr_en": en or (lambda _: answer()),
            "asr_multilingual": multilingual or (lambda _: answer(language="en")),
        }
    )
    simplify = {ord("隨"): "随"}
    return (
        Recognizer(
            inference,
            loud_is_speech,
            FRAME / SAMPLE_RATE,
            Transcriber(inference, lambda text: text.translate(simplify)),
        ),
        inference,
    )


async def recognize(
    recognizer: Recognizer, samples: NDArray[np.float32], language: str = "en", seconds: float = 5.0
) -> Recognition:
    return await recognizer.recognize(samples, language=language, timeout_seconds=seconds)


UTTERANCE = sound((3.0, 0), (1.5, 0.5), (3.0, 0))


@pytest.mark.parametrize("samples", [sound((60.0, 0)), np.zeros(1, np.float32)])
async def test_nobody_speaking_asks_no_model(samples: NDArray[np.float32]) -> None:
    hears, inference = recognizer()
    assert await recognize(hears, samples, "") == Recognition("", "", 0.0, (), "")
    assert await recognize(hears, samples, "zh") == Recognition("", "zh", 1.0, (), "")
    assert inference.calls == []


async def test_only_speech_is_sent_and_offsets_are_those_of_the_whole() -> None:
    hears, inference = recognizer()
    recognition = await recognize(hears, UTTERANCE)
    (model, inputs), *others = inference.calls
    assert (model, others) == ("asr_en", [])
    assert 1.5 < len(inputs["samples"]) / SAMPLE_RATE < 2.4
    begin = 3.0 - 0.35
    assert [w.text for w in recognition.words] == ["Hello,", "shop."]
    assert recognition.words[0].begin == pytest.approx(begin + 0.4, abs=0.04)
    assert recognition.words[1].end == pytest.approx(begin + 1.2, abs=0.04)
    assert recognition.transcript == "Hello, shop."
    assert recognition.confidence == pytest.approx(0.9)
    assert (recognition.language, recognition.language_confidence) == ("en", 1.0)
    assert recognition.model == "asr_en@1"


@pytest.mark.parametrize(
    ("language", "model"), [("en", "asr_en"), ("zh", "asr_multilingual"), ("", "asr_multilingual")]
)
async def test_the_language_chooses_the_model(language: str, model: str) -> None:
    hears, inference = recognizer()
    await recognize(hears, UTTERANCE, language)
    name, inputs = inference.calls[0]
    assert (name, inputs["language"][0].decode()) == (model, language)


async def test_a_detected_language_comes_with_its_probability() -> None:
    hears, _ = recognizer(multilingual=lambda _: answer([("你好。", 0.3, 0.9)], language="zh"))
    recognition = await recognize(hears, UTTERANCE, "")
    assert (recognition.language, recognition.language_confidence) == ("zh", 0.75)


async def test_mandarin_is_written_in_simplified_characters() -> None:
    hears, _ = recognizer(multilingual=lambda _: answer([("隨", 0.3, 0.6), ("便", 0.6, 0.9)], language="zh"))
    recognition = await recognize(hears, UTTERANCE, "zh")
    assert recognition.transcript == "随便"
    assert [word.text for word in recognition.words] == ["随", "便"]


async def test_far_pieces_are_heard_each_and_put_in_order_and_one_language_holds_for_all() -> None:
    def hear(inputs: Tensors) -> Tensors:
        first = len(inputs["samples"]) / SAMPLE_RATE < 2.5
        return answer([("short" if first else "long", 0.4, 1.0)], language="en")

    hears, inference = recognizer(en=hear, multilingual=hear)
    samples = sound((1.0, 0), (1.0, 0.5), (10.0, 0), (3.0, 0.5), (1.0, 0))
    recognition = await recognize(hears, samples, "")
    assert recognition.transcript == "short long"
    assert recognition.words[0].end <= recognition.words[1].begin
    # The longest piece decides on the language; the other is then asked for it.
    assert [inputs["language"][0] for _, inputs in inference.calls] == [b"", b"en"]


@pytest.mark.parametrize(
    "unbelievable",
    [
        pytest.param(answer([]), id="no words"),
        pytest.param(answer(probability=0.05), id="not confident at all"),
        pytest.param(answer(probability=0.3, no_speech=0.9), id="the model hears no speech"),
        pytest.param(answer([("again", 0.4 + i / 50, 0.42 + i / 50) for i in range(40)]), id="a loop"),
    ],
)
async def test_words_that_are_not_to_be_believed_are_dropped(unbelievable: Tensors) -> None:
    hears, _ = recognizer(en=lambda _: unbelievable)
    assert await recognize(hears, UTTERANCE) == Recognition("", "en", 1.0, (), "")


async def test_a_soft_but_sure_voice_is_believed() -> None:
    hears, _ = recognizer(en=lambda _: answer(probability=0.8, no_speech=0.9))
    assert (await recognize(hears, UTTERANCE)).transcript == "Hello, shop."


async def test_words_where_nobody_speaks_are_dropped() -> None:
    samples = sound((2.0, 0), (1.0, 0.5), (1.9, 0), (1.0, 0.5), (2.0, 0))
    words = [("yes", 0.4, 1.2), ("ghost", 2.0, 2.5), ("no", 3.3, 4.1)]
    hears, _ = recognizer(en=lambda _: answer(words))
    assert (await recognize(hears, samples)).transcript == "yes no"


async def test_times_never_run_backwards_or_out_of_the_audio() -> None:
    words = [("a", 0.5, 0.9), ("b", 0.7, 0.6), ("c", 1.0, 99.0)]
    hears, _ = recognizer(en=lambda _: answer(words))
    recognition = await recognize(hears, UTTERANCE)
    times = [time for word in recognition.words for time in (word.begin, word.end)]
    assert times == sorted(times)
    assert times[-1] <= len(UTTERANCE) / SAMPLE_RATE


async def test_a_model_that_is_away_is_told() -> None:
    hears, inference = recognizer()
    inference.fail_with = Unavailable("MODEL_UNAVAILABLE", "away")
    with pytest.raises(Unavailable):
        await recognize(hears, UTTERANCE)


async def test_no_time_left_is_told() -> None:
    hears, inference = recognizer()
    with pytest.raises(DeadlineExceeded):
        await recognize(hears, UTTERANCE, seconds=0.0)
    assert inference.calls == []
