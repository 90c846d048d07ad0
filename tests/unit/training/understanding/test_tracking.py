"""What trackers show and write of a training."""

import importlib.util
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.unit.training.understanding import tiny
from training.understanding.tracking import ProgressBar, Several, TensorBoard, WeightsAndBiases, trackers
from training.understanding.train import train


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


class Noted:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.figures: dict[str, list[tuple[int, float]]] = {}
        self.ended = 0

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None:
        self.begun.append((steps, done))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.figures.setdefault(name, []).append((step, value))

    def end(self) -> None:
        self.ended += 1


def test_tensorboard_has_what_was_logged(tmp_path: Path) -> None:
    noted, board = Noted(), TensorBoard(tmp_path / "runs" / "tiny")
    train(
        tiny.examples(),
        tiny.arguments(epochs=2.0, patience=2, warmup=0.3),
        tmp_path / "model",
        encoder=tiny.encoder(),
        tracker=Several([noted, board]),
    )
    board.end()
    assert noted.begun == [(12, 0)]
    assert noted.ended == 1
    assert [step for step, _ in noted.figures["loss"]] == list(range(1, 13))
    assert [step for step, _ in noted.figures["validation"]] == [6, 12]

    written = scalars(tmp_path / "runs" / "tiny")
    assert written.keys() == noted.figures.keys() == {"loss", "intents", "learning_rate", "validation"}
    for name, told in noted.figures.items():
        assert [step for step, _ in written[name]] == [step for step, _ in told]
        assert [value for _, value in written[name]] == pytest.approx([value for _, value in told], rel=1e-6)
    rates = [rate for _, rate in noted.figures["learning_rate"]]
    assert rates[:4] == pytest.approx([3e-3 * share for share in (0.25, 0.5, 0.75, 1.0)])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] == pytest.approx(3e-3 / 8)


def test_trackers_hear_of_the_end_of_a_training_that_breaks_off(tmp_path: Path) -> None:
    class Breaking(Noted):
        def log(self, step: int, figures: Mapping[str, float]) -> None:
            raise KeyboardInterrupt

    noted = Breaking()
    with pytest.raises(KeyboardInterrupt):
        train(tiny.examples(), tiny.arguments(), tmp_path / "model", encoder=tiny.encoder(), tracker=noted)
    assert noted.ended == 1


def test_tensorboard_forgets_what_a_killed_training_did_after_its_checkpoint(tmp_path: Path) -> None:
    first = TensorBoard(tmp_path)
    first.start(10, {"seed": 0})
    for step in range(1, 6):
        first.log(step, {"loss": 1.0})
    first.end()
    second = TensorBoard(tmp_path)
    second.start(10, {"seed": 0}, done=3)
    for step in range(4, 8):
        second.log(step, {"loss": 2.0})
    second.end()
    assert scalars(tmp_path)["loss"] == [(1, 1.0), (2, 1.0), (3, 1.0), *((step, 2.0) for step in range(4, 8))]


def test_progress_is_lines_without_a_terminal_and_a_bar_with_one() -> None:
    for terminal in (False, True):
        text = io.StringIO()
        bar = ProgressBar("tiny", Console(file=text, force_terminal=terminal, width=120))
        bar.start(40, {}, done=2)
        bar.log(1, {"masked_language": 4.0})
        for step in range(3, 41):
            bar.log(step, {"loss": 1.0, "learning_rate": 1e-4})
        bar.log(40, {"validation": 0.875})
        bar.end()
        bar.end()
        shown = text.getvalue()
        assert "loss 1.0000 rate 0.0001 validation 0.8750" in shown
        assert ("40/40" in shown) is terminal
        assert ("tiny: step 40 of 40" in shown) is not terminal
        assert terminal or 10 <= shown.count("\n") <= 30


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed here")
def test_weights_and_biases_says_that_it_is_missing() -> None:
    with pytest.raises(ValueError, match="pip install wandb"):
        WeightsAndBiases("frontdesk", "tiny")
    assert not hasattr(sys.modules.get("wandb"), "init")


def test_a_folder_of_runs_is_not_taken_for_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb").mkdir()
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    try:
        with pytest.raises(ValueError, match="pip install wandb"):
            WeightsAndBiases("frontdesk", "tiny")
    finally:
        sys.modules.pop("wandb", None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weights_and_biases_writes_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is not among the dependencies: pip install wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    tracker = WeightsAndBiases("frontdesk", "tiny", tmp_path)
    tracker.start(2, {"seed": 0})
    tracker.log(1, {"loss": 1.5})
    tracker.log(2, {"loss": 0.5, "validation": 0.75})
    assert dict(wandb.run.summary).items() >= {"loss": 0.5, "validation": 0.75, "training_step": 2}.items()
    tracker.end()
    tracker.end()
    assert len(list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))) == 1


def test_trackers_by_name(tmp_path: Path) -> None:
    several = trackers(["progress", "tensorboard"], "tiny", tmp_path)
    several.start(1, {})
    several.log(1, {"loss": 0.5})
    several.end()
    assert scalars(tmp_path / "tiny")["loss"] == [(1, 0.5)]
    with pytest.raises(ValueError, match="no tracker 'mlflow': name progress, tensorboard or wandb"):
        trackers(["mlflow"], "tiny", tmp_path)
