"""Acoustic features beside the words: made at the same time, and never in the words' way."""

import asyncio
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from services.asr.acoustic import acoustic_features
from services.asr.model import ACOUSTIC_WIDTH, SAMPLE_RATE
from services.asr.recognizer import Recognition, Recognizer
from services.asr.transcriber import Transcriber
from services.inference.port import Tensors
from services.serving.errors import DeadlineExceeded, FailedPrecondition, Unavailable
from tests.fakes.inference import Compute, FakeInference
from tests.unit.asr.test_recognizer import FRAME, UTTERANCE, answer, loud_is_speech, sound

MANIFEST = {"acoustic": {"manifest": json.dumps({"version": 3})}}


def frames(inputs: Tensors) -> Tensors:
    """Ones, a frame each 0.1 s begun, as the real model gives them."""
    count = -(-len(inputs["samples"]) // 1_600)
    return {"frames": np.ones((count, ACOUSTIC_WIDTH), np.float32)}


def hearing(
    words: Compute = lambda _: answer(), acoustic: Compute = frames
) -> tuple[Recognizer, FakeInference]:
    inference = FakeInference({"asr_en": words, "acoustic": acoustic}, MANIFEST)
    return Recognizer(inference, loud_is_speech, FRAME / SAMPLE_RATE, Transcriber(inference, str)), inference


async def recognize(
    recognizer: Recognizer, samples: NDArray[np.float32] = UTTERANCE, seconds: float = 5.0
) -> Recognition:
    return await recognizer.recognize(samples, language="en", with_features=True, timeout_seconds=seconds)


async def test_features_come_with_the_models_identity() -> None:
    hears, _ = hearing()
    recognition = await recognize(hears)
    assert recognition.transcript == "Hello, shop."
    assert recognition.features is not None
    assert recognition.features.frames.shape == (75, ACOUSTIC_WIDTH)
    assert recognition.features.model == "acoustic@3"


async def test_unless_asked_for_no_acoustic_model_is_asked() -> None:
    hears, inference = hearing()
    recognition = await hears.recognize(UTTERANCE, language="en", timeout_seconds=5.0)
    assert recognition.features is None
    assert [model for model, _ in inference.calls] == ["asr_en"]


async def test_only_the_first_30_seconds_get_features() -> None:
    hears, inference = hearing()
    recognition = await recognize(hears, sound((1.0, 0), (1.5, 0.5), (38.0, 0)))
    assert recognition.features is not None
    assert len(recognition.features.frames) == 300
    assert [len(inputs["samples"]) for model, inputs in inference.calls if model == "acoustic"] == [480_000]


async def test_silence_asks_no_model() -> None:
    hears, inference = hearing()
    assert (await recognize(hears, sound((3.0, 0)))).features is None
    assert inference.calls == []


async def test_words_that_are_not_believed_bring_no_features() -> None:
    hears, _ = hearing(lambda _: answer(probability=0.05))
    recognition = await recognize(hears)
    assert (recognition.transcript, recognition.features) == ("", None)


async def test_words_and_features_are_made_at_the_same_time() -> None:
    hearing_words, hearing_sound = asyncio.Event(), asyncio.Event()

    async def words(inputs: Tensors) -> Tensors:
        hearing_words.set()
        await hearing_sound.wait()  # for ever, if features came after the words
        return answer()

    async def acoustic(inputs: Tensors) -> Tensors:
        hearing_sound.set()
        await hearing_words.wait()
        return frames(inputs)

    hears, _ = hearing(words, acoustic)
    assert (await recognize(hears)).features is not None


@pytest.mark.parametrize("error", [Unavailable("INFERENCE_FAILED", "x"), DeadlineExceeded("TOO_LATE", "x")])
async def test_a_failing_acoustic_model_leaves_the_words(error: Exception) -> None:
    def fail(_: Tensors) -> Tensors:
        raise error

    hears, _ = hearing(acoustic=fail)
    recognition = await recognize(hears)
    assert (recognition.transcript, recognition.features) == ("Hello, shop.", None)


async def test_a_model_of_another_release_leaves_the_words() -> None:
    inference = FakeInference({"asr_en": lambda _: answer(), "acoustic": frames}, {"acoustic": {}})
    with pytest.raises(FailedPrecondition):
        await acoustic_features(inference, UTTERANCE, timeout_seconds=1.0)
    hears = Recognizer(inference, loud_is_speech, FRAME / SAMPLE_RATE, Transcriber(inference, str))
    recognition = await recognize(hears)
    assert (recognition.transcript, recognition.features) == ("Hello, shop.", None)


async def test_an_acoustic_model_that_hangs_does_not_keep_the_words() -> None:
    left = asyncio.Event()

    async def hang(_: Tensors) -> Tensors:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return {}

    hears, _ = hearing(acoustic=hang)
    async with asyncio.timeout(2.0):
        recognition = await recognize(hears, seconds=0.4)  # the words wait for half of it
        await left.wait()
    assert (recognition.transcript, recognition.features) == ("Hello, shop.", None)


async def test_words_that_fail_stop_the_acoustic_model() -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def words(_: Tensors) -> Tensors:
        await begun.wait()
        raise Unavailable("INFERENCE_FAILED", "x")

    async def hang(_: Tensors) -> Tensors:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return {}

    hears, _ = hearing(words, hang)
    with pytest.raises(Unavailable):
        await recognize(hears)
    async with asyncio.timeout(2.0):
        await left.wait()
