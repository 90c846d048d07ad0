"""The end-of-turn model hears what it was trained on, and tells whole turns from broken ones."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from services.asr.end_of_turn import EndOfTurnModel
from services.asr.log_mel import LogMel
from services.serving.errors import FailedPrecondition

MODEL = Path(__file__).parents[3] / "build/weights/end_of_turn/smart_turn_cpu.onnx"
SPEECH = Path(os.environ.get("FRONTDESK_DATA", "../shared/data")) / "an4_speech" / "audio"


@pytest.fixture(scope="module")
def model() -> EndOfTurnModel:
    if not MODEL.is_file():
        pytest.skip("no end-of-turn model: run `make weights`")
    return EndOfTurnModel(MODEL)


@pytest.fixture(scope="module")
def clips() -> list[NDArray[np.float32]]:
    found = [clip for clip in sorted(SPEECH.glob("**/*.flac")) if soundfile.info(clip).duration > 2.5][:10]
    if len(found) < 10:
        pytest.skip("no an4_speech: set FRONTDESK_DATA")
    return [soundfile.read(clip, dtype="float32")[0] for clip in found]


@pytest.mark.parametrize("seconds", [0.5, 8.0])
def test_features_are_whispers(seconds: float) -> None:
    transformers = pytest.importorskip("transformers")
    rng = np.random.default_rng(5)
    samples = np.zeros(128_000, np.float32)
    heard = int(seconds * 16_000)
    samples[-heard:] = (rng.normal(size=heard) * np.sin(np.arange(heard) / 900) * 0.1).astype(np.float32)
    extractor = transformers.WhisperFeatureExtractor(chunk_length=8)
    theirs = extractor(samples, sampling_rate=16_000, return_tensors="np").input_features[0]
    ours = LogMel()(samples)
    assert ours.shape == (80, 800)
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() < 1e-4


def test_whole_turns_seem_over_and_broken_ones_do_not(
    model: EndOfTurnModel, clips: list[NDArray[np.float32]]
) -> None:
    whole = [model(clip) for clip in clips]
    broken = [model(clip[: int(0.45 * len(clip))]) for clip in clips]
    assert all(0.0 <= probability <= 1.0 for probability in whole + broken)
    assert np.mean(whole) > 0.7
    assert np.mean(broken) < np.mean(whole) - 0.3


def test_only_the_last_eight_seconds_are_heard(
    model: EndOfTurnModel, clips: list[NDArray[np.float32]]
) -> None:
    long = np.concatenate(clips)[: 20 * 16_000]
    assert model(long) == model(long[-8 * 16_000 :])


def test_silence_and_nothing_are_figures_too(model: EndOfTurnModel) -> None:
    for samples in (np.zeros(0, np.float32), np.zeros(16_000, np.float32)):
        assert 0.0 <= model(samples) <= 1.0


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="make weights") as caught:
        EndOfTurnModel(tmp_path / "none.onnx")
    assert caught.value.reason == "END_OF_TURN_MODEL_MISSING"
