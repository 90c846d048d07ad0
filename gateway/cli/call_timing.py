"""When what happened in the turns of a call that was played, in seconds of its recording."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from frontdesk.gateway.v1 import conversation_pb2
from numpy.typing import NDArray

from gateway.cli.call_coding import Samples
from gateway.cli.call_player import PlayedCall

_FRAME_SECONDS = 0.01
_UNDER_PEAK = 10 ** (-35 / 20)
_AUDIBLE = 32768 * 10 ** (-65 / 20)


@dataclass(frozen=True, slots=True)
class StageSpan:
    """A stage of a turn, as in ``TurnCompleted.timings`` ("ASR")."""

    stage: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class TurnTiming:
    """One turn of a call; None where there is no such moment.

    ``spoken_until`` is the end of the last voiced 10 ms of the customer before the
    turn was taken to be over at ``ended``; ``audible_from`` the first voiced ones of its answer.
    """

    turn_id: str
    said: str
    answered: str
    ended: float | None
    spoken_until: float | None
    audible_from: float | None
    stopped: float | None
    completed: float | None
    anticipated: bool
    stages: tuple[StageSpan, ...]

    @property
    def first_audio_seconds(self) -> float | None:
        """From the customer's last voiced sample to the first of the answer; None without either."""
        if self.spoken_until is None or self.audible_from is None:
            return None
        return self.audible_from - self.spoken_until


def voiced_frames(channel: Samples, sample_rate_hertz: int) -> NDArray[np.bool_]:
    """Say of each 10 ms whether it sounds: not 35 dB or more under the loudest, nor under -65 dBFS."""
    length = round(sample_rate_hertz * _FRAME_SECONDS)
    frames = channel[: len(channel) // length * length].reshape(-1, length).astype(np.float64)
    if not len(frames):
        return np.zeros(0, np.bool_)
    level = np.sqrt((frames**2).mean(axis=1))
    voiced: NDArray[np.bool_] = level > max(level.max() * _UNDER_PEAK, _AUDIBLE)
    return voiced


def turn_timings(played: PlayedCall) -> list[TurnTiming]:
    """Return the call's turns in their order."""
    turns: dict[str, _Turn] = {}
    for timed in played.events:
        if timed.event.turn_id:
            turns.setdefault(timed.event.turn_id, _Turn()).take(timed.seconds, timed.event)
    customer = voiced_frames(played.customer, played.sample_rate_hertz)
    frontdesk = voiced_frames(played.frontdesk, played.sample_rate_hertz)
    found, since = [], 0.0
    for turn_id, turn in turns.items():
        if turn.started is None:
            continue  # somebody made a sound, and no turn came of it
        until = turn.ended if turn.ended is not None else turn.started
        found.append(turn.timing(turn_id, _last(customer, since, until), frontdesk))
        since = until
    return found


@dataclass(slots=True)
class _Turn:
    started: float | None = None
    said: str = ""
    answered: str = ""
    ended: float | None = None
    first_piece: float | None = None
    stopped: float | None = None
    completed: float | None = None
    anticipated: bool = False
    stages: tuple[StageSpan, ...] = ()

    def take(self, seconds: float, event: conversation_pb2.ConverseResponse) -> None:
        match event.WhichOneof("event"):
            case "end_of_turn":
                self.ended, self.anticipated = seconds, event.end_of_turn.anticipated
            case "turn_started":
                self.started = seconds
            case "final_transcript":
                self.said = event.final_transcript.text
            case "answer_text":
                self.answered += event.answer_text.delta
            case "answer_audio":
                self.first_piece = seconds if self.first_piece is None else self.first_piece
            case "playback_stop":
                self.stopped = seconds
            case "turn_completed":
                self.completed = seconds
                self.answered = event.turn_completed.answer or self.answered
                self.stages = tuple(self._spans(event.turn_completed.timings))

    def timing(self, turn_id: str, spoken_until: float | None, frontdesk: NDArray[np.bool_]) -> TurnTiming:
        return TurnTiming(
            turn_id=turn_id,
            said=self.said,
            answered=self.answered,
            ended=self.ended,
            spoken_until=spoken_until,
            audible_from=None if self.first_piece is None else _first(frontdesk, self.first_piece),
            stopped=self.stopped,
            completed=self.completed,
            anticipated=self.anticipated,
            stages=self.stages,
        )

    def _spans(self, timings: Iterable[conversation_pb2.StageTiming]) -> Iterator[StageSpan]:
        spans = [
            StageSpan(
                conversation_pb2.Stage.Name(timing.stage).removeprefix("STAGE_"),
                (start := timing.start_offset.ToTimedelta().total_seconds()),
                start + timing.duration.ToTimedelta().total_seconds(),
            )
            for timing in timings
        ]
        # Offsets count from where the answer was begun, perhaps before the turn was over; turn_started
        # comes when the turn is stored, which is the first time that the store works for it.
        stored = next((span.end for span in spans if span.stage == "STORE"), 0.0)
        begun = (self.started or 0.0) - stored
        return (StageSpan(span.stage, begun + span.start, begun + span.end) for span in spans)


def _last(voiced: NDArray[np.bool_], since: float, until: float) -> float | None:
    low, high = round(since / _FRAME_SECONDS), round(until / _FRAME_SECONDS)
    places = np.flatnonzero(voiced[low:high])
    return float((low + places[-1] + 1) * _FRAME_SECONDS) if len(places) else None


def _first(voiced: NDArray[np.bool_], since: float) -> float | None:
    low = int(since / _FRAME_SECONDS)
    places = np.flatnonzero(voiced[low:])
    return max(float((low + places[0]) * _FRAME_SECONDS), since) if len(places) else None
