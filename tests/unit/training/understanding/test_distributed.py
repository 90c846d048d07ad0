"""Two real processes on the processor, joined by gloo, train one model."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import debug_launcher
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from tests.unit.training.understanding import tiny
from training.understanding import distributed
from training.understanding.checkpoints import Checkpoint, Checkpoints, Place
from training.understanding.predict import Trained, load
from training.understanding.train import Untracked, train

# From Python 3.12 on a fork beside other threads is warned of; the children use none.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

CHOSEN: dict[str, Any] = {
    "epochs": 12.0,
    "patience": 1,
    "average_from": 0.1,
    "typos": 0.2,
    "checkpoint_every": 2,
    "learn_task_weights": True,
}


class Counting(Untracked):
    def __init__(self) -> None:
        self.told = 0

    def log(self, step: int, figures: Any) -> None:
        self.told += 1


def process(
    folder: Path, kill_after: int = 0, chosen: Mapping[str, Any] = CHOSEN, pooler: bool = False
) -> None:
    """One of the processes; leaves beside ``folder`` what it has at the end."""
    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)  # the one that was forked from is alone
    written: list[str] = []

    def noted(kind: str, write: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*given: Any) -> None:
            written.append(kind)
            write(*given)
            if kind == "checkpoint" and len(written) == kill_after:
                raise SystemExit(1)

        return wrapped

    Checkpoints.save = noted("checkpoint", Checkpoints.save)  # type: ignore[method-assign]
    Trained.save = noted("model", Trained.save)  # type: ignore[method-assign]
    tracker = Counting()
    trained = train(
        tiny.examples(slots=True),
        tiny.arguments(**chosen),
        folder,
        encoder=tiny.encoder(pooler),
        tracker=tracker,
    )
    rank = torch.distributed.get_rank()
    save_file(dict(trained.model.state_dict()), folder.with_name(f"{folder.name}.{rank}.safetensors"))
    folder.with_name(f"{folder.name}.{rank}.json").write_text(
        json.dumps({"report": dict(trained.report), "written": written, "told": tracker.told})
    )


def test_two_processes_train_one_model_and_go_on_after_a_kill(tmp_path: Path) -> None:
    debug_launcher(process, (tmp_path / "whole",), num_processes=2)
    first, second = (load_file(tmp_path / f"whole.{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    one, two = (json.loads((tmp_path / f"whole.{rank}.json").read_text()) for rank in (0, 1))
    for name in ("steps", "epochs", "best_epoch", "processes"):
        assert one["report"][name] == two["report"][name]
    assert one["report"]["processes"] == 2
    assert one["report"]["steps"] == 3 * one["report"]["epochs"]  # of six batches each process has three
    assert one["report"]["epochs"] < 12  # both stopped early

    # Only the main process writes, and tells how it goes.
    assert one["written"][-1] == "model"
    assert "checkpoint" in one["written"]
    assert two["written"] == []
    assert one["told"] > 0
    assert two["told"] == 0

    # It learned.
    trained = load(tmp_path / "whole")
    test = tiny.examples().test
    found = trained.predict([example.text for example in test]).logits.argmax(axis=1)
    assert (found == trained.labels.targets(test)).mean() >= 0.9

    # A process that dies takes the other along; the same training comes to the same bits.
    with pytest.raises((ProcessExitedException, ProcessRaisedException)):
        debug_launcher(process, (tmp_path / "killed", 2), num_processes=2)
    assert not (tmp_path / "killed").exists()
    assert (tmp_path / "killed.training" / "checkpoint.pt").exists()
    debug_launcher(process, (tmp_path / "killed",), num_processes=2)
    again = load_file(tmp_path / "killed.0.safetensors")
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_parts_that_learn_nothing_in_a_step_keep_no_process_waiting(tmp_path: Path) -> None:
    """A pooler that nothing reads; batches that lost their slots to typos in one process alone."""
    chosen = {
        "epochs": 1.0,
        "batch_size": 2,
        "typos": 0.8,
        "fgm_epsilon": 0.5,
        "language_weight": 0.1,
        "masked_language_steps": 2,
        "contrastive_steps": 2,
        "learn_task_weights": True,
        "peft": "lora",
    }
    debug_launcher(process, (tmp_path / "model", 0, chosen, True), num_processes=2)
    first, second = (load_file(tmp_path / f"model.{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    chosen = {
        **chosen,
        "peft": "none",
        "learn_task_weights": False,
        "fgm_epsilon": 0.0,
        "language_weight": 0.0,
    }
    debug_launcher(process, (tmp_path / "full", 0, chosen, True), num_processes=2)
    first, second = (load_file(tmp_path / f"full.{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_other_processes_draw_other_random_numbers(tmp_path: Path) -> None:
    """Each checkpoint has the random numbers of each process, and dropout differs between them."""
    with pytest.raises((ProcessExitedException, ProcessRaisedException)):
        debug_launcher(process, (tmp_path / "killed", 1), num_processes=2)
    content = torch.load(tmp_path / "killed.training" / "checkpoint.pt", weights_only=True)
    first, second = content["random_states"]
    assert not torch.equal(first["torch"], second["torch"])


def test_checkpoints_that_differ_between_machines_are_named() -> None:
    checkpoint = Checkpoint(Path("checkpoint.pt"), Place(1, 0, 6), {}, [])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(distributed, "gather_object", lambda own: [*own, None])
        with pytest.raises(OSError, match="a disk that all machines share"):
            distributed.agree_on(checkpoint)
