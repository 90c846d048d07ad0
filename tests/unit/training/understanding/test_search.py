"""A search for arguments: on validation alone, gone on with after a kill, bad trials stopped early."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import TrialState

from tests.unit.training.understanding import tiny
from training.data.examples import ExampleSet
from training.understanding import presets
from training.understanding.encoders import Encoder
from training.understanding.search import SPACE, Range, Space, _identity, search
from training.understanding.train import Tracker, Untracked

SMALL: Space = {
    "learning_rate": Range(1e-4, 1e-2, log=True),
    "dropout": Range(0.0, 0.3),
    "batch_size": (4, 8),
}
BASE = tiny.arguments(epochs=2.0)


class KilledError(Exception):
    pass


class KilledAt(Untracked):
    def __init__(self, step: int) -> None:
        self._step = step

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if "loss" in figures and step == self._step:
            raise KilledError


def few() -> ExampleSet:
    return tiny.examples(each=3)


def trials(study: optuna.Study) -> list[Any]:
    """Those that ended, as what must not depend on a kill."""
    return [
        (trial.params, trial.value, trial.intermediate_values, trial.state)
        for trial in study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    ]


def run(folder: Path, count: int, tracker: Tracker | None = None, **values: Any) -> optuna.Study:
    return search(
        few(),
        BASE,
        count,
        folder,
        space=SMALL,
        load_encoder=lambda _name: tiny.encoder(),
        tracker=None if tracker is None else lambda _name: tracker,
        source="tiny",
        **values,
    )


def test_a_killed_search_comes_to_the_same_trials(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", 4)
    for step in (1, 4):  # in the first epoch, and after the first epoch's report
        with pytest.raises(KilledError):
            run(tmp_path / "killed", 4, KilledAt(step))
    run(tmp_path / "killed", 3)
    killed = run(tmp_path / "killed", 4)
    assert trials(killed) == trials(whole)
    assert len(trials(whole)) == 4
    assert len({tuple(params.values()) for params, *_ in trials(whole)}) == 4  # each is another proposal
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["best.toml", "trials.sqlite"]

    # The best is a preset.
    best = whole.best_trial
    written = (tmp_path / "whole" / "best.toml").read_text()
    assert written.startswith(f"# tiny: validation {best.value:.4f}, the best of 4 trials\n")
    arguments = presets.read("best", tmp_path / "whole")
    assert {name: getattr(arguments, name) for name in best.params} == best.params
    assert (arguments.epochs, arguments.head_rate) == (BASE.epochs, BASE.head_rate)

    # Another seed is another search in the same file.
    assert len(trials(run(tmp_path / "whole", 1, seed=7))) == 1


def test_a_bad_trial_is_stopped_early_and_one_without_a_loss_ends_alone(tmp_path: Path) -> None:
    base = tiny.arguments(epochs=3.0, learning_rate=1e-9, head_rate=1e-9, head_start="random")
    space = {"dropout": Range(0.0, 0.1)}
    study = optuna.create_study(
        study_name=_identity(few(), base, space, 0),
        storage=f"sqlite:///{tmp_path / 'trials.sqlite'}",
        direction="maximize",
    )
    for _ in range(5):
        study.add_trial(
            optuna.trial.create_trial(
                params={"dropout": 0.05},
                distributions={"dropout": optuna.distributions.FloatDistribution(0.0, 0.1)},
                value=1.0,
                intermediate_values={1: 1.0, 2: 1.0, 3: 1.0},
            )
        )
    loaded = []

    def load(_name: str) -> Encoder:
        loaded.append(tiny.encoder())
        if len(loaded) == 2:
            with torch.no_grad():
                loaded[-1].model.encoder.layer[0].output.dense.weight.fill_(float("inf"))
        return loaded[-1]

    study = search(few(), base, 7, tmp_path, space=space, load_encoder=load)
    below, broken = study.get_trials()[5:]
    assert below.state is broken.state is TrialState.PRUNED
    assert list(below.intermediate_values) == [1]  # of three epochs
    assert broken.intermediate_values == {}
    assert (tmp_path / "best.toml").exists()
    assert not list(tmp_path.glob("trial_*"))


def test_the_space_has_arguments_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such argument: speed"):
        search(few(), BASE, 1, tmp_path, space={**SPACE, "speed": (1, 2)})
