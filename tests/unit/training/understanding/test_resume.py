"""A training that was killed comes to the same bits as one that ran through."""

import json
import multiprocessing
import os
import random
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.unit.training.understanding import tiny
from training.understanding.train import Untracked, train

EVERYTHING: dict[str, Any] = {
    "epochs": 2.5,
    "checkpoint_every": 4,
    "patience": 3,
    "average_from": 0.3,
    "typos": 0.3,
    "asr_errors": 0.3,
    "label_smoothing": 0.1,
    "contrastive_weight": 0.5,
}
STEPS = 15
"""Of those."""


class KilledError(Exception):
    pass


class KilledAt(Untracked):
    """Raises after a step, before its checkpoint."""

    def __init__(self, step: int) -> None:
        self._step = step

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if "loss" in figures and step == self._step:
            raise KilledError


class Telling(Untracked):
    """Sends each step, and waits until it is heard."""

    def __init__(self, wire: Connection) -> None:
        self._wire = wire

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if "loss" in figures:
            self._wire.send(step)
            self._wire.recv()


def run(folder: Path, tracker: Untracked | None = None, **values: Any) -> None:
    train(
        tiny.examples(slots=True), tiny.arguments(**values), folder, encoder=tiny.encoder(), tracker=tracker
    )


def assert_same(one: Path, other: Path) -> None:
    weights, others = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert weights.keys() == others.keys()
    different = [name for name in weights if not torch.equal(weights[name], others[name])]
    assert not different
    assert (one / "config.json").read_bytes() == (other / "config.json").read_bytes()
    report, told = (json.loads((folder / "report.json").read_text()) for folder in (one, other))
    assert {**report, "seconds": 0} == {**told, "seconds": 0}


@pytest.mark.parametrize(
    ("values", "kills"),
    [
        ({}, (1, 6, 7, 17, 18)),  # a checkpoint after each epoch of six steps
        (EVERYTHING, (2, 5, 6, 9, 14, STEPS)),
        (EVERYTHING | {"patience": 0, "checkpoint_every": 1}, (1, 12)),
        # What comes before the loop is not done again once it is done.
        (
            {
                "masked_language_steps": 3,
                "contrastive_steps": 3,
                "language_weight": 0.1,
                "learn_task_weights": True,
                "fgm_epsilon": 0.5,
                "peft": "lora",
            },
            (2, 8),
        ),
    ],
    ids=["epochs", "everything", "average", "methods"],
)
def test_killed_again_and_again_by_an_exception(
    tmp_path: Path, values: Mapping[str, Any], kills: tuple[int, ...]
) -> None:
    run(tmp_path / "whole", **values)
    for step in kills:
        with pytest.raises(KilledError):
            run(tmp_path / "killed", KilledAt(step), **values)
        assert not (tmp_path / "killed").exists()
    run(tmp_path / "killed", **values)
    assert_same(tmp_path / "whole", tmp_path / "killed")
    assert not (tmp_path / "killed.training").exists()


# From Python 3.12 on a fork beside other threads is warned of; the child uses none.
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_by_the_system_at_a_random_step(tmp_path: Path, seed: int) -> None:
    run(tmp_path / "whole", **EVERYTHING)
    processes = multiprocessing.get_context("fork")
    last = random.Random(seed).randrange(1, STEPS)
    here, there = processes.Pipe()

    def child() -> None:
        torch.set_num_threads(1)
        run(tmp_path / "killed", Telling(there), **EVERYTHING)

    process = processes.Process(target=child)
    process.start()
    try:
        while True:
            assert here.poll(120), "the training tells of no step"
            step = here.recv()
            if step == last:
                break
            here.send(None)
    finally:
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    assert (tmp_path / "killed.training" / "checkpoint.pt").exists() is (last > 4)

    run(tmp_path / "killed", **EVERYTHING)
    assert_same(tmp_path / "whole", tmp_path / "killed")


def test_a_kill_between_the_last_epoch_and_the_model_does_not_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {"patience": 1, "epochs": 20.0, "learning_rate": 1e-6, "head_rate": 1e-6}
    run(tmp_path / "whole", **values)
    assert json.loads((tmp_path / "whole" / "report.json").read_text())["epochs"] < 20  # it stopped early

    def killed(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("training.understanding.predict.Trained.save", killed)
        with pytest.raises(KilledError):
            run(tmp_path / "killed", **values)
    run(tmp_path / "killed", **values)
    assert_same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_who_makes_batches_changes_nothing(tmp_path: Path) -> None:
    values: dict[str, Any] = {**EVERYTHING, "epochs": 1.5, "checkpoint_every": 2}
    run(tmp_path / "one", workers=0, **values)
    run(tmp_path / "two", workers=2, **values)
    with pytest.raises(KilledError):
        run(tmp_path / "three", KilledAt(5), workers=2, **values)
    run(tmp_path / "three", workers=1, **values)
    one, two, three = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two", "three"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert all(torch.equal(one[name], three[name]) for name in one)


def test_two_runs_are_the_same_and_another_seed_is_not(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        run(tmp_path / name, epochs=1.0, seed=seed)
    assert_same(tmp_path / "one", tmp_path / "two")
    one, three = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "three"))
    assert not torch.equal(one["intent_head.weight"], three["intent_head.weight"])
