"""What would be decided of recorded evidence, and how good that is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from gateway.turn.hearing import PartialHeard, VoiceEvidence
from gateway.turn.turn_end import TurnEnd, TurnEndModel
from gateway.turn.turn_taking import TurnTaking
from tests.load.turn_taking.evidence import HeardTurn, TimedHeard

Decider = Callable[[HeardTurn], float | None]
"""When a turn is taken to be over, in seconds from its first sample; None: never."""

_EVIDENCE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one turn."""

    cut_off: bool
    """The end was decided while the customer only paused."""
    delay: float | None
    """Seconds from the end of the voice to the decision; None when cut off, or never decided."""


def by_all(settings: TurnTaking, model: TurnEndModel | None = None) -> Decider:
    """Decide as a call does: from the evidence as it came, at the times at which it came."""

    def decide(turn: HeardTurn) -> float | None:
        turn_end = TurnEnd(settings, model)
        now = 0.0
        for timed in turn.evidence:
            wait = turn_end.next_check(now)
            if wait is not None and now + wait < timed.at:
                now += wait
                if turn_end.check(now):
                    return now
            now = timed.at
            if turn_end.on(timed.heard, now):
                return now
        return None

    return decide


def by_silence(silence: float) -> Decider:
    """Decide by a fixed silence alone, as plain pipelines do."""

    def decide(turn: HeardTurn) -> float | None:
        due: float | None = None
        for timed in turn.evidence:
            if due is not None and timed.at > due:
                return due
            heard = timed.heard
            if isinstance(heard, VoiceEvidence):
                missing = silence - heard.silence.total_seconds()
                counts = not heard.speaking and heard.voiced > timedelta() and missing <= _EVIDENCE_SECONDS
                due = timed.at + max(missing, 0.0) if counts else None
        return due

    return decide


def without_words(turn: HeardTurn) -> HeardTurn:
    """The same evidence, as if the words told nothing of whether they are complete."""
    return _changed(
        turn, lambda heard: replace(heard, text="words") if isinstance(heard, PartialHeard) else heard
    )


def without_sound(turn: HeardTurn) -> HeardTurn:
    """The same evidence without the end-of-turn model."""
    return _changed(
        turn,
        lambda heard: (
            replace(heard, end_of_turn_probability=None) if isinstance(heard, VoiceEvidence) else heard
        ),
    )


def outcomes(turns: Sequence[HeardTurn], decide: Decider) -> list[Outcome]:
    """Decide every turn."""
    results = []
    for turn in turns:
        at = decide(turn)
        cut_off = at is not None and at < turn.end
        results.append(Outcome(cut_off, None if at is None or cut_off else at - turn.end))
    return results


def figures(results: Sequence[Outcome]) -> dict[str, Any]:
    """Cut-off rate in percent of the turns, and p50 and p95 in ms of the others' delays."""
    delays = [result.delay for result in results if result.delay is not None]
    cut_off = sum(result.cut_off for result in results)
    p50, p95 = np.percentile(np.asarray(delays) * 1000, (50, 95)) if delays else (np.nan, np.nan)
    return {
        "turns": len(results),
        "cutoff_rate": round(100 * cut_off / len(results), 2) if results else 0.0,
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
        "undecided": len(results) - len(delays) - cut_off,
    }


def _changed(turn: HeardTurn, change: Callable[[Any], Any]) -> HeardTurn:
    return replace(turn, evidence=tuple(TimedHeard(timed.at, change(timed.heard)) for timed in turn.evidence))
