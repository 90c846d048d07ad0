"""The trade-off between cutting off and waiting: points, what they say, and a picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from gateway.turn.turn_taking import TurnTaking
from tests.load.turn_taking.evidence import HeardTurn
from tests.load.turn_taking.replay import (
    Decider,
    by_all,
    by_silence,
    figures,
    outcomes,
    without_sound,
    without_words,
)

SCALES = (0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0)
"""Of all the silences of the settings."""
SILENCES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 1.8)

Point = dict[str, Any]


def scaled(settings: TurnTaking, scale: float) -> TurnTaking:
    """The settings with every silence of them so many times as long, as far as that is allowed."""

    def times(silence: timedelta, least: float) -> timedelta:
        return timedelta(seconds=max(silence.total_seconds() * scale, least))

    return replace(
        settings,
        complete_silence=times(settings.complete_silence, 0.1),
        incomplete_silence=times(settings.incomplete_silence, 0.2),
        spelling_silence=times(settings.spelling_silence, 0.2),
    )


def curves(turns: Sequence[HeardTurn], settings: TurnTaking) -> dict[str, list[Point]]:
    """Points of each way to decide: all evidence, without a part of it, and silence alone."""
    wordless = [without_words(turn) for turn in turns]
    soundless = [without_sound(turn) for turn in turns]
    return {
        "all evidence": _points(turns, SCALES, lambda scale: by_all(scaled(settings, scale))),
        "without the words": _points(wordless, SCALES, lambda scale: by_all(scaled(settings, scale))),
        "without the model": _points(soundless, SCALES, lambda scale: by_all(scaled(settings, scale))),
        "silence alone": _points(turns, SILENCES, by_silence),
    }


def p50_at_cutoff(points: Sequence[Point], cutoff_rate: float) -> float | None:
    """The least p50 in ms of a point that cuts off no more than so many percent; None: no point does."""
    return min((point["p50_ms"] for point in points if point["cutoff_rate"] <= cutoff_rate), default=None)


def cutoff_at_p50(points: Sequence[Point], p50_ms: float) -> float | None:
    """The least cut-off rate in percent of a point with such a p50 or a lower one; None: no point has."""
    return min((point["cutoff_rate"] for point in points if point["p50_ms"] <= p50_ms), default=None)


def draw(groups: Mapping[str, Mapping[str, Sequence[Point]]], path: Path) -> None:
    """One panel a group of turns: cut-off rate against p50, a line for each way to decide."""
    figure = Figure(figsize=(6.4 * len(groups), 4.8), layout="constrained")
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    for panel, (title, ways) in zip(panels, groups.items(), strict=True):
        for name, points in ways.items():
            p50s = [point["p50_ms"] for point in points]
            panel.plot(p50s, [point["cutoff_rate"] for point in points], marker="o", label=name)
        panel.axhline(5, color="grey", linewidth=0.8, linestyle=":")
        panel.axvline(450, color="grey", linewidth=0.8, linestyle=":")
        panel.set(title=title, xlabel="end of voice to decision, p50 (ms)", ylabel="turns cut off (%)")
        panel.legend()
    figure.savefig(path, dpi=120)


def _points(
    turns: Sequence[HeardTurn], values: Sequence[float], decider: Callable[[float], Decider]
) -> list[Point]:
    return [{"value": value, **figures(outcomes(turns, decider(value)))} for value in values]
