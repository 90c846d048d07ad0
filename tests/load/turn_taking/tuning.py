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

_P50_MS = 420.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried, and what they cost on the turns that they were tried on."""

    settings: TurnTaking
    model: TurnEndModel
    cost: float
    found: dict[str, Any]


def search(turns: Sequence[HeardTurn], trials: int, seed: int) -> Trial:
    """Try the defaults and ``trials`` others; return the best.

    Each percent of the turns with pauses up to 0.5 s that is cut off costs 40, each percent
    of all 10, each 10 ms of p95 one; each ms by which their p50 misses 420 ms costs 5.
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
        40 * on_short["cutoff_rate"]
        + 10 * on_all["cutoff_rate"]
        + 0.1 * on_all["p95_ms"]
        + 5 * max(on_short["p50_ms"] - _P50_MS, 0.0)
    )
    return Trial(settings, model, cost, {"short": on_short, "all": on_all})


def _draw(generator: np.random.Generator) -> tuple[TurnTaking, TurnEndModel]:
    def sureness() -> Sureness:
        unsure, sure = sorted(generator.uniform(0, 1, 2))
        return Sureness(round(float(unsure), 2), round(float(sure) + 0.05, 2))

    def seconds(least: float, most: float) -> timedelta:
        return timedelta(seconds=round(float(generator.uniform(least, most)) / 0.05) * 0.05)

    settings = TurnTaking(
        complete_silence=seconds(0.2, 0.35),
        incomplete_silence=seconds(0.8, 1.6),
        spelling_silence=seconds(1.2, 2.2),
    )
    model = TurnEndModel(
        whole=sureness(),
        unclear=sureness(),
        unfinished=Sureness(0.6, 1.2),
        spelling=sureness(),
        unknown_probability=round(float(generator.uniform(0, 0.6)), 2),
    )
    return settings, model
