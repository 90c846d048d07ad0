"""From single calls to figures. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.load.call.recordings import Kind, Recording
from tests.load.report import percentiles

WITH_INNER_PAUSE = frozenset({Kind.TWO_SENTENCES, Kind.REAL_PAIR})
ENDS_PLAINLY = frozenset({Kind.COMMAND, Kind.QUESTION, Kind.TWO_SENTENCES})
"""Whose answer's first audio is timed: behind a spelled number one may wait, and should."""


class Answered(Protocol):
    """What both systems say of one recording. Seconds; None: no answer came."""

    @property
    def recording(self) -> Recording: ...

    @property
    def first_audio(self) -> float | None: ...

    @property
    def cut_off(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class CutOffs:
    """Turns taken for over in their inner pause, of so many."""

    count: int
    of: int

    @property
    def rate(self) -> float:
        """Share, 0 to 1."""
        return round(self.count / self.of, 4) if self.of else 0.0


def first_audios(calls: Sequence[Answered], kinds: frozenset[Kind] = ENDS_PLAINLY) -> list[float]:
    """Of the calls of such recordings that were answered and not cut off."""
    return [
        call.first_audio
        for call in calls
        if call.recording.kind in kinds and call.first_audio is not None and not call.cut_off
    ]


def cut_offs(calls: Sequence[Answered]) -> CutOffs:
    """Over the recordings with an inner pause."""
    paused = [call for call in calls if call.recording.kind in WITH_INNER_PAUSE]
    return CutOffs(sum(call.cut_off for call in paused), len(paused))


def answered_figures(calls: Sequence[Answered]) -> Mapping[str, Any]:
    """What is said of both systems alike; times in milliseconds."""
    cut = cut_offs(calls)
    return {
        "first_audio": times(first_audios(calls)),
        "first_audio_by_kind": {
            kind.value: times(first_audios(calls, frozenset({kind})))
            for kind in Kind
            if any(call.recording.kind is kind for call in calls)
        },
        "cutoff_rate": cut.rate,
        "cut_off": cut.count,
        "with_inner_pause": cut.of,
        "cut_off_without_inner_pause": sum(call.cut_off for call in calls) - cut.count,
        "unanswered": sum(call.first_audio is None and not call.cut_off for call in calls),
        "calls": len(calls),
    }


def times(seconds: Sequence[float]) -> Mapping[str, float | None]:
    """p50 and p95 in milliseconds; nulls where there is nothing to measure."""
    return percentiles(seconds) if seconds else {"p50_ms": None, "p95_ms": None, "n": 0}
