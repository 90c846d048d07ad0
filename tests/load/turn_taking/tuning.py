"""Settings of turn-taking that do best on some turns, by random search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from gateway.turn.turn_end import Sureness, TurnEndModel
from gateway.turn.turn_taking import TurnTaking
from tests.load.turn_taking.evidence import HeardTurn
from tests.load.turn_taking.recordings import SHORT_PAUSE_SECONDS
from tests.load.turn_taking.replay import by_all, figures, outcomes


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried, and what they cost on the turns that they were tried on."""

    settings: TurnTaking
    model: TurnEndModel
    cost: float
    found: dict[str, Any]


def search(turns: Sequence[HeardTurn], trials: int, seed: int) -> Trial:
    """Try the defaults and ``trials`` others; return the best.

    A cut-off costs as much as 40 ms of p50 for each percent of the turns with pauses up
    to 0.5 s, and as 10 ms for each percent of all; a tenth of p95 counts, too.
    """
    generator = np.random.default_rng(seed)
    short = [turn for turn in turns if turn.pause <= SHORT_PAUSE_SECONDS]
    candidates = [(TurnTaking(), TurnEndModel()), *(_draw(generator) for _ in range(trials))]
    return min((_try(short, turns, *candidate) for candidate in candidates), key=lambda trial: trial.cost)


def _try(
    short: Sequence[HeardTurn], turns: Sequence[HeardTurn], settings: TurnTaking, model: TurnEndModel
) -> Trial:
    decide = by_all(settings, model)
    on_short, on_all = figures(outcomes(short, decide)), figures(outcomes(turns, decide))
    cost = (
        on_short["p50_ms"]
        + 0.1 * on_all["p95_ms"]
        + 40 * on_short["cutoff_rate"]
        + 10 * on_all["cutoff_rate"]
    )
    return Trial(settings, model, cost, {"short": on_short, "all": on_all})


def _draw(generator: np.random.Generator) -> tuple[TurnTaking, TurnEndModel]:
    def sureness() -> Sureness:
        unsure, sure = sorted(generator.uniform(0, 1, 2))
        return Sureness(round(float(unsure), 2), round(float(sure) + 0.05, 2))

    def seconds(least: float, most: float) -> timedelta:
        return timedelta(seconds=round(float(generator.uniform(least, most)) / 0.05) * 0.05)

    settings = TurnTaking(
        complete_silence=seconds(0.2, 0.45),
        incomplete_silence=seconds(0.6, 1.5),
        spelling_silence=seconds(0.8, 2.0),
    )
    model = TurnEndModel(
        whole=sureness(),
        unclear=sureness(),
        unfinished=Sureness(0.6, 1.2),
        spelling=sureness(),
        unknown_probability=round(float(generator.uniform(0, 0.6)), 2),
    )
    return settings, model
