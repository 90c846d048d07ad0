"""Real people, real models, a real Triton: they are heard while they speak."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from pathlib import Path

import jiwer
import numpy as np
import pytest
from frontdesk.asr.v1 import asr_pb2
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE
from services.asr.model import ACOUSTIC, ASR_EN
from services.inference.client import TritonClient
from services.triton.local_server import LocalTriton
from tests.harness.suite import ROOT
from training.evaluate import sounds, spoken
from training.evaluate.asr import clips, local_triton
from training.evaluate.asr_service import AsrCaller, asr_service

pytestmark = pytest.mark.integration

REPOSITORY = ROOT / "build/model_repository"
VAD = ROOT / "build/weights/vad/silero_vad_16k_sequence.onnx"
END_OF_TURN = ROOT / "build/weights/end_of_turn/smart_turn_cpu.onnx"
Request = asr_pb2.StreamingRecognizeRequest
Responses = list[asr_pb2.StreamingRecognizeResponse]


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    exported = all((REPOSITORY / spec.name).is_dir() for spec in (ASR_EN, ACOUSTIC))
    if not (exported and VAD.is_file() and END_OF_TURN.is_file()):
        pytest.skip("no speech models: run `make weights export`")
    with local_triton(REPOSITORY, tmp_path_factory.mktemp("log") / "triton.log") as running:
        yield running


@pytest.fixture
async def caller(triton: LocalTriton) -> AsyncIterator[AsrCaller]:
    client = TritonClient(triton.url)
    async with asr_service(client, VAD) as running:
        yield running
    await client.close()


async def hear(
    caller: AsrCaller, samples: NDArray[np.float32], *, real_time: bool = False, **config: object
) -> Responses:
    """Everything that is told of 16 kHz samples, in messages of 0.1 s."""
    audio = np.round(np.clip(samples, -1, 1) * 32_767).astype("<i2")

    async def send() -> AsyncIterator[Request]:
        yield Request(
            config=asr_pb2.StreamingRecognitionConfig(
                encoding=asr_pb2.AUDIO_ENCODING_LINEAR16,
                sample_rate_hertz=SAMPLE_RATE,
                **config,  # type: ignore[arg-type]
            )
        )
        for begin in range(0, len(audio), SAMPLE_RATE // 10):
            if real_time:
                await asyncio.sleep(0.1)
            yield Request(audio=audio[begin : begin + SAMPLE_RATE // 10].tobytes())

    return [response async for response in caller.stream(send())]


def finals(responses: Responses) -> list[asr_pb2.FinalResult]:
    return [response.final for response in responses if response.HasField("final")]


def with_pauses(pieces: Sequence[NDArray[np.float32]], seconds: float) -> NDArray[np.float32]:
    pause = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    return np.concatenate([part for piece in pieces for part in (pause, piece)] + [pause])


async def test_clips_are_utterances_and_heard_as_well_as_recordings(
    caller: AsrCaller, data_sets: Path
) -> None:
    some = [clip for clip in islice(clips(data_sets / "an4_speech"), 40) if clip.seconds > 1.5][:10]
    responses = await hear(caller, with_pauses([clip.samples for clip in some], 2.0), language_code="en")
    said = [" ".join(spoken.english_tokens(clip.transcript, capitals_spell=False)) for clip in some]
    heard = " ".join(final.transcript for final in finals(responses))
    assert jiwer.wer(" ".join(said), " ".join(spoken.english_tokens(heard))) < 0.3
    offsets = [
        offset.ToTimedelta()
        for final in finals(responses)
        for offset in (final.start_offset, final.end_offset)
    ]
    assert offsets == sorted(offsets)


async def test_words_come_while_they_are_spoken_and_the_final_has_the_settled_ones(
    caller: AsrCaller, data_sets: Path
) -> None:
    clip = max(islice(clips(data_sets / "an4_speech"), 40), key=lambda clip: clip.seconds)
    samples = with_pauses([clip.samples], 1.5)
    responses = await hear(
        caller, samples, real_time=True, language_code="en", include_acoustic_features=True
    )
    (final,) = finals(responses)
    partials = [response.partial for response in responses if response.HasField("partial")]
    assert partials[0].end_offset.ToTimedelta() < final.end_offset.ToTimedelta()
    words = [word.word for word in final.words]
    for partial in partials:
        stable = [word.word for word in partial.words][: partial.stable_word_count]
        assert stable == words[: partial.stable_word_count]
    settled = [partial for partial in partials if partial.settled]
    assert settled[-1].transcript == final.transcript
    assert final.acoustic_features.width == 64
    judged = [r.evidence for r in responses if r.evidence.HasField("end_of_turn_probability")]
    assert judged
    assert all(not evidence.speaking for evidence in judged)


async def test_mandarin_is_detected(caller: AsrCaller, data_sets: Path) -> None:
    clip = next(iter(clips(data_sets / "aishell3_sample")))
    (final, *_) = finals(await hear(caller, with_pauses([clip.samples], 1.0)))
    assert final.language_code == "zh"
    said = " ".join(spoken.mandarin_characters(clip.transcript))
    assert jiwer.wer(said, " ".join(spoken.mandarin_characters(final.transcript))) < 0.5


@pytest.mark.parametrize("name", ["silence", "pink", "melody", "band", "speech_rhythm_hiss"])
async def test_nobody_speaking_gives_no_words(caller: AsrCaller, name: str) -> None:
    responses = await hear(caller, sounds.make(name, 77, 20.0, -6.0))
    assert [final.transcript for final in finals(responses)] == [""] * len(finals(responses))
    assert not any(response.partial.words for response in responses)


async def test_speech_without_a_pause_is_heard_whole(caller: AsrCaller, data_sets: Path) -> None:
    some = list(islice(clips(data_sets / "an4_speech"), 40))
    samples = np.concatenate([clip.samples for clip in some])
    assert len(samples) > 60 * SAMPLE_RATE
    responses = await hear(caller, samples, language_code="en", client_ends_utterances=True)
    (final,) = finals(responses)
    said = sum(len(spoken.english_tokens(clip.transcript, capitals_spell=False)) for clip in some)
    assert 0.7 * said < len(spoken.english_tokens(final.transcript)) < 1.3 * said
    times = [offset.ToTimedelta() for word in final.words for offset in (word.start_offset, word.end_offset)]
    assert times == sorted(times)
