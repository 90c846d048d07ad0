"""Training end to end on a small model: it learns, goes on where it stopped, and says why it cannot."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from services.asr.model import ASR_EN
from tests.unit.training.asr import small
from training.asr import checkpoints
from training.asr.arguments import AsrArguments
from training.asr.checkpoints import CheckpointError
from training.asr.judge import judge, judge_exported
from training.asr.train import TrainingError, train
from training.data.augmentation.sound import SoundChances
from training.data.examples import ExampleSet

ARGUMENTS = AsrArguments(
    epochs=4,
    batch=4,
    learning_rate=2e-2,
    patience=9,
    lora_layers=("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
    padding_seconds=(0.2, 0.4),
    chances=SoundChances(noise=0.0),
)


@pytest.fixture
def tones(tmp_path: Path) -> ExampleSet:
    return small.examples(tmp_path / "clips")


def test_it_learns_and_hears_the_same_once_exported(weights: Path, tones: ExampleSet, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    trained = train(
        tones,
        weights,
        ARGUMENTS,
        tmp_path,
        on_progress=lambda step, steps, figures: told.append((step, steps)),
    )
    losses = [epoch["validation_loss"] for epoch in trained.report["epochs"]]
    assert len(losses) == 5
    assert min(losses) < 0.8 * losses[0]
    assert trained.report["best_epoch"] > 0
    assert trained.report["clips"] == {"train": 4, "validation": 4, "test": 4}
    assert told[-1] == (4, 4)
    assert not [name for name, _ in trained.model.named_parameters() if "lora" in name]


def test_a_resumed_training_is_exactly_one_that_was_not_stopped(
    weights: Path, tones: ExampleSet, tmp_path: Path
) -> None:
    whole = train(tones, weights, ARGUMENTS, tmp_path / "whole")

    def stop(step: int, steps: int, figures: str) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tones, weights, ARGUMENTS, tmp_path / "stopped", on_progress=stop)
    resumed = train(tones, weights, ARGUMENTS, tmp_path / "stopped", resume=True)
    assert resumed.report == whole.report
    for name, values in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], values, rtol=0, atol=0, msg=name)


def test_a_checkpoint_of_something_else_is_refused(weights: Path, tones: ExampleSet, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: is not there: train without --resume"):
        train(tones, weights, ARGUMENTS, tmp_path, resume=True)
    checkpoints.save(tmp_path / "checkpoint.pt", {"fingerprint": "of others"})
    with pytest.raises(CheckpointError, match="is of other arguments, clips or transcripts"):
        train(tones, weights, ARGUMENTS, tmp_path, resume=True)
    (tmp_path / "checkpoint.pt").write_bytes(b"half of")
    with pytest.raises(CheckpointError, match="is damaged"):
        train(tones, weights, ARGUMENTS, tmp_path, resume=True)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "checkpoint.pt"
    checkpoints.save(file, {"fingerprint": "a", "epoch": 1})

    def full(path: Path, content: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CheckpointError, match="cannot be written: No space left on device"):
        checkpoints.save(file, {"fingerprint": "a", "epoch": 2})
    assert checkpoints.load(file, "a")["epoch"] == 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_loss_that_is_no_number_names_the_clips(weights: Path, tones: ExampleSet, tmp_path: Path) -> None:
    wild = replace(ARGUMENTS, learning_rate=1e30, epochs=8)
    with pytest.raises(
        TrainingError, match=r"the loss is (nan|inf) in epoch \d, at train\.tsv:\d.*lower the"
    ):
        train(tones, weights, wild, tmp_path)


def test_an_empty_split_is_named(weights: Path, tones: ExampleSet, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="tones: the split validation is empty"):
        train(replace(tones, validation=()), weights, ARGUMENTS, tmp_path)


def test_training_stops_when_validation_no_longer_gains(
    weights: Path, tones: ExampleSet, tmp_path: Path
) -> None:
    still = replace(ARGUMENTS, learning_rate=0.0, epochs=9, patience=1)
    trained = train(tones, weights, still, tmp_path)
    assert trained.report["best_epoch"] == 0
    assert len(trained.report["epochs"]) == 2


def test_what_is_judged_in_training_is_what_serving_hears(
    weights: Path, tones: ExampleSet, tmp_path: Path
) -> None:
    """Random weights may fall into loops, where serving listens again; the words before them are the same."""
    trained = train(tones, weights, replace(ARGUMENTS, epochs=1), tmp_path)
    inside = judge(trained.model, trained.test, trained.texts, ASR_EN)
    outside = judge_exported(weights, trained.test, ASR_EN)
    assert len(inside.transcripts) == len(outside.transcripts) == 8
    assert inside.recorded.said == inside.telephone.said == 4
