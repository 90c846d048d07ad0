"""What a customer hears of the answers, and when. Pure: time comes in as seconds of the call."""

from dataclasses import dataclass

import numpy as np

from gateway.cli.call_coding import Samples


@dataclass(frozen=True, slots=True)
class PlayedPiece:
    """Audio of an answer and where it is heard: ``start`` counts the call's samples."""

    start: int
    samples: Samples
    turn_id: str
    position: float
    """Seconds from the start of the turn's answer."""

    @property
    def end(self) -> int:
        """The first sample after it."""
        return self.start + len(self.samples)


class Playback:
    """A loudspeaker by the clock: plays each piece when the one before has been played.

    Where nothing plays a piece is heard from the moment it comes, as by a player
    without a buffer of its own.
    """

    def __init__(self, sample_rate_hertz: int) -> None:
        self.sample_rate_hertz = sample_rate_hertz
        self._pieces: list[PlayedPiece] = []

    @property
    def ends(self) -> float:
        """When all that has come is played, seconds; 0 while nothing has come."""
        return self._pieces[-1].end / self.sample_rate_hertz if self._pieces else 0.0

    def add(self, now: float, turn_id: str, position: float, samples: Samples) -> None:
        """Play ``samples``, which come at ``now``, after what waits."""
        start = self._sample(now)
        if self._pieces:
            start = max(start, self._pieces[-1].end)
        if len(samples):
            self._pieces.append(PlayedPiece(start, samples, turn_id, position))

    def stop(self, now: float) -> None:
        """Drop what was not played by ``now``."""
        end = self._sample(now)
        while self._pieces and self._pieces[-1].start >= end:
            self._pieces.pop()
        if self._pieces and self._pieces[-1].end > end:
            last = self._pieces.pop()
            heard = last.samples[: end - last.start]
            self._pieces.append(PlayedPiece(last.start, heard, last.turn_id, last.position))

    def position(self, now: float) -> tuple[str, float] | None:
        """Return the turn whose answer plays, or played last, and how far; None before the first."""
        at = self._sample(now)
        for piece in reversed(self._pieces):
            if piece.start <= at:
                heard = min(at, piece.end) - piece.start
                return piece.turn_id, piece.position + heard / self.sample_rate_hertz
        return None

    def heard(self, start: int, count: int) -> Samples:
        """Return what is heard from sample ``start`` on: silence where nothing plays."""
        out = np.zeros(count, np.int16)
        for piece in reversed(self._pieces):
            if piece.end <= start:
                break
            low, high = max(piece.start, start), min(piece.end, start + count)
            if low < high:
                out[low - start : high - start] = piece.samples[low - piece.start : high - piece.start]
        return out

    def _sample(self, seconds: float) -> int:
        return round(seconds * self.sample_rate_hertz)
