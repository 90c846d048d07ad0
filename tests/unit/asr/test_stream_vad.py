"""Voice activity, frame by frame, is that of the whole."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from services.asr.stream_vad import StreamingVad
from services.asr.vad import FRAME_SAMPLES, SileroVad

MODEL = Path(__file__).parents[3] / "build/weights/vad/silero_vad_16k_sequence.onnx"
SPEECH = Path(os.environ.get("FRONTDESK_DATA", "../shared/data")) / "an4_speech" / "audio"


@pytest.fixture(scope="module")
def model() -> SileroVad:
    if not MODEL.is_file():
        pytest.skip("no Silero VAD: run `make weights`")
    return SileroVad(MODEL)


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    clips = sorted(SPEECH.glob("**/*.flac"))[:3]
    if not clips:
        pytest.skip("no an4_speech: set FRONTDESK_DATA")
    return np.concatenate([soundfile.read(clip, dtype="float32")[0] for clip in clips])


@pytest.mark.parametrize("size", [1, 160, 320, 511, 512, 513, 40_000])
def test_streamed_as_whole(model: SileroVad, speech: NDArray[np.float32], size: int) -> None:
    speech = speech[: FRAME_SAMPLES * 20] if size == 1 else speech
    stream = StreamingVad(model)
    streamed = np.concatenate([stream.feed(speech[at : at + size]) for at in range(0, len(speech), size)])
    frames = len(speech) // FRAME_SAMPLES
    assert len(streamed) == frames
    assert np.allclose(streamed, model(speech[: frames * FRAME_SAMPLES]), atol=1e-5)
    if size != 1:
        assert streamed.max() > 0.9


def test_a_frame_is_told_as_soon_as_it_is_complete(model: SileroVad) -> None:
    stream = StreamingVad(model)
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    assert len(stream.feed(silence[:-1])) == 0
    assert len(stream.feed(silence[:1])) == 1
    assert len(stream.feed(silence[:0])) == 0


def test_streams_do_not_hear_each_other(model: SileroVad, speech: NDArray[np.float32]) -> None:
    one, other = StreamingVad(model), StreamingVad(model)
    heard = []
    for at in range(0, len(speech) - FRAME_SAMPLES, FRAME_SAMPLES):
        one.feed(speech[at : at + FRAME_SAMPLES])
        heard.append(other.feed(np.zeros(FRAME_SAMPLES, np.float32)))
    assert np.allclose(
        np.concatenate(heard), model(np.zeros(len(heard) * FRAME_SAMPLES, np.float32)), atol=1e-5
    )


def test_no_samples_have_no_frames(model: SileroVad) -> None:
    assert len(model(np.zeros(0, np.float32))) == 0
