"""Real people, real models, a real Triton: what they say is heard, and nothing where nobody speaks."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soundfile
from frontdesk.asr.v1.asr_pb2 import RecognitionConfig
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE
from services.asr.model import ACOUSTIC, ASR_EN
from services.inference.client import TritonClient
from services.serving.errors import DeadlineExceeded
from services.triton.local_server import LocalTriton
from tests.harness.suite import ROOT
from training.acoustic.features import AcousticEncoder
from training.evaluate import sounds, spoken
from training.evaluate.asr import Recognize, clips, local_triton, service, telephone

pytestmark = pytest.mark.integration

REPOSITORY = ROOT / "build/model_repository"
VAD = ROOT / "build/weights/vad/silero_vad_16k_sequence.onnx"


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    if not all((REPOSITORY / spec.name).is_dir() for spec in (ASR_EN, ACOUSTIC)) or not VAD.is_file():
        pytest.skip("no exported speech models: run `make export`")
    with local_triton(REPOSITORY, tmp_path_factory.mktemp("log") / "triton.log") as running:
        yield running


@pytest.fixture
async def recognize(triton: LocalTriton) -> AsyncIterator[Recognize]:
    client = TritonClient(triton.url)
    async with service(client, VAD) as call:
        yield call
    await client.close()


def wav(samples: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return stream.getvalue()


async def test_english_is_heard(recognize: Recognize, data_sets: Path) -> None:
    said, heard = [], []
    for clip in islice(clips(data_sets / "an4_speech"), 20):
        response = await recognize(clip.path.read_bytes(), RecognitionConfig(language_code="en"))
        said.append(" ".join(spoken.english_tokens(clip.transcript, capitals_spell=False)))
        heard.append(" ".join(spoken.english_tokens(response.transcript)))
        assert response.model == "asr_en@1"
    assert jiwer.wer(said, heard) < 0.25


async def test_mandarin_is_detected_and_heard(recognize: Recognize, data_sets: Path) -> None:
    said, heard = [], []
    for clip in islice(clips(data_sets / "aishell3_sample"), 5):
        response = await recognize(clip.path.read_bytes(), RecognitionConfig())
        assert response.language_code == "zh"
        assert response.language_confidence > 0.9
        said.append(" ".join(spoken.mandarin_characters(clip.transcript)))
        heard.append(" ".join(spoken.mandarin_characters(response.transcript)))
    assert jiwer.wer(said, heard) < 0.3


async def test_words_stand_where_they_were_said(recognize: Recognize, data_sets: Path) -> None:
    first, second = islice((c for c in clips(data_sets / "an4_speech") if c.seconds > 2.5), 2)
    pause = np.zeros(8 * SAMPLE_RATE, np.float32)
    samples = np.concatenate([pause, first.samples, pause, second.samples])
    response = await recognize(wav(samples), RecognitionConfig(language_code="en"))

    spans = [
        (word.start_offset.ToTimedelta().total_seconds(), word.end_offset.ToTimedelta().total_seconds())
        for word in response.words
    ]
    flat = [time for span in spans for time in span]
    assert flat == sorted(flat)
    begin = 16 + first.seconds
    assert all(7.5 <= start <= end <= 8.5 + first.seconds or start >= begin - 0.5 for start, end in spans)
    assert {start >= begin - 0.5 for start, _ in spans} == {True, False}


async def test_more_than_the_models_window_is_heard_whole(recognize: Recognize, data_sets: Path) -> None:
    some = list(islice(clips(data_sets / "an4_speech"), 14))
    samples = np.concatenate([clip.samples for clip in some])
    assert len(samples) > 30 * SAMPLE_RATE
    response = await recognize(wav(samples), RecognitionConfig(language_code="en"))

    said = sum(len(spoken.english_tokens(clip.transcript, capitals_spell=False)) for clip in some)
    assert 0.6 * said < len(spoken.english_tokens(response.transcript)) < 1.4 * said
    assert response.words[-1].end_offset.seconds > len(samples) / SAMPLE_RATE - 5


async def test_the_sound_is_described_beside_the_words(recognize: Recognize, data_sets: Path) -> None:
    clip = next(c for c in clips(data_sets / "an4_speech") if c.seconds > 2.5)
    config = RecognitionConfig(language_code="en", include_acoustic_features=True)
    response = await recognize(clip.path.read_bytes(), config)
    assert response.transcript
    features = response.acoustic_features
    expected = AcousticEncoder(ROOT / "build/model_repository/acoustic/1").frames(clip.samples)
    assert features.model == "acoustic@1"
    found = np.array(features.frames, np.float32).reshape(-1, features.width)
    np.testing.assert_allclose(found, expected, atol=1e-2)

    # The same words through a telephone sound otherwise; the same sound again does not.
    audio, narrow = telephone(clip.samples)
    narrow.MergeFrom(config)
    through_telephone = np.array((await recognize(audio, narrow)).acoustic_features.frames)
    again = np.array((await recognize(clip.path.read_bytes(), config)).acoustic_features.frames)
    np.testing.assert_allclose(again, features.frames, atol=1e-3)
    assert np.abs(through_telephone[: found.size] - found.ravel()[: len(through_telephone)]).mean() > 0.1


async def test_nobody_speaking_has_no_acoustic_features(recognize: Recognize) -> None:
    config = RecognitionConfig(include_acoustic_features=True)
    response = await recognize(wav(sounds.make("pink", 77, 5.0, -6.0)), config)
    assert not response.HasField("acoustic_features")


@pytest.mark.parametrize("name", ["silence", "pink", "hum", "clicks", "melody", "band"])
async def test_nobody_speaking_gives_no_words(recognize: Recognize, name: str) -> None:
    response = await recognize(wav(sounds.make(name, 77, 20.0, -6.0)), RecognitionConfig())
    assert (response.transcript, len(response.words)) == ("", 0)


async def test_a_voice_in_noise_is_still_heard(recognize: Recognize, data_sets: Path) -> None:
    clip = next(c for c in clips(data_sets / "an4_speech") if c.seconds > 2.5)
    noise = sounds.make("pink", 78, clip.seconds, -35.0)[: len(clip.samples)]
    response = await recognize(wav(clip.samples + noise), RecognitionConfig(language_code="en"))
    assert response.words


async def test_requests_that_were_given_up_keep_nobody_waiting(triton: LocalTriton) -> None:
    client = TritonClient(triton.url)
    noise = np.random.default_rng(0).normal(0, 0.05, 25 * SAMPLE_RATE).astype(np.float32)
    inputs = {"samples": noise, "language": np.array([b"en"], np.object_)}

    async def hear(timeout_seconds: float) -> float:
        began = time.monotonic()
        await client.infer(ASR_EN, inputs, timeout_seconds=timeout_seconds)
        return time.monotonic() - began

    one = await hear(60)
    left = await asyncio.gather(*(hear(one / 10) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(answer, DeadlineExceeded) for answer in left)
    assert await hear(60) < 8 * one  # the one under way, and this one
    await client.close()
