"""An answer's audio on its way to the customer's ear: paced, stopped, resumed. Pure."""

from bisect import bisect_right
from collections.abc import Iterator

from gateway.call.coding import AudioCoding

_EXACT = 1e-6
_TOLD_BEFORE = 0.08
"""Seconds by which an echo canceller hears of a frame before it sounds: after its echo it is no use."""


class Playback:
    """Plays one answer. Positions are seconds of its audio; ``now`` is any monotonic clock's.

    Audio is handed out as long as no more than ``lead_seconds`` of it are ahead of what
    was played. What was played is what the client reports, going on in real time from
    there; without reports, real time from the first piece on.
    """

    def __init__(self, coding: AudioCoding, lead_seconds: float) -> None:
        self._coding = coding
        self._lead = lead_seconds
        self._frames: list[bytes] = []
        self._starts: list[float] = [0.0]
        self._sent = 0
        self._sounded = 0
        self._anchor: tuple[float, float] | None = None
        self._stopped_at: float | None = None
        self._complete = False

    @property
    def seconds(self) -> float:
        """How much audio there is so far."""
        return self._starts[-1]

    @property
    def complete(self) -> bool:
        """Whether all of the answer's audio is known."""
        return self._complete

    @property
    def begun(self) -> bool:
        """Whether any audio was handed out."""
        return self._anchor is not None

    @property
    def stopped(self) -> bool:
        """Whether playing was stopped and not resumed."""
        return self._stopped_at is not None

    def add(self, audio: bytes) -> None:
        """Add what was synthesised."""
        for frame in self._coding.frames(audio):
            self._frames.append(frame)
            self._starts.append(self._starts[-1] + self._coding.seconds(frame))

    def end(self) -> None:
        """Say that no more will be added."""
        self._complete = True

    def position(self, now: float) -> float:
        """How far the answer was played."""
        if self._stopped_at is not None:
            return self._stopped_at
        if self._anchor is None:
            return 0.0
        position, time = self._anchor
        return min(position + now - time, self._starts[self._sent])

    def take(self, now: float) -> Iterator[tuple[bytes, float]]:
        """Yield the frames that may leave now, with their positions."""
        while self._stopped_at is None and self._sent < len(self._frames):
            position = self.position(now)
            start = self._starts[self._sent]
            if start - position > self._lead + _EXACT:
                return
            if self._anchor is None or position >= start - _EXACT:
                self._anchor = (start, now)  # the first piece, or the next after all were played
            self._sent += 1
            yield self._frames[self._sent - 1], start

    def sounding(self, now: float) -> Iterator[bytes]:
        """Yield the frames that are about to sound, and were not yielded before."""
        until = self.position(now) + _TOLD_BEFORE + _EXACT
        while self._sounded < self._sent and self._starts[self._sounded] <= until:
            self._sounded += 1
            yield self._frames[self._sounded - 1]

    def next_in(self, now: float) -> float | None:
        """Seconds until ``take``, ``sounding`` or ``finished`` may have something; None: not by time."""
        if self._stopped_at is not None:
            return None
        position = self.position(now)
        times = []
        if self._sent < len(self._frames):
            times.append(self._starts[self._sent] - self._lead - position)
        if self._sounded < self._sent:
            times.append(self._starts[self._sounded] - _TOLD_BEFORE - position)
        if self._complete and self._sent == len(self._frames):
            times.append(self.seconds - position)
        return max(min(times), 0.0) if times else None

    def report(self, position: float, now: float) -> None:
        """Take the client's word for how far it has played; no further than was handed out."""
        if self._stopped_at is None and self._anchor is not None:
            self._anchor = (min(position, self._starts[self._sent]), now)

    def stop(self, now: float) -> float:
        """Stop playing; return the position that counts as heard."""
        position = self.position(now)
        self._stopped_at = position
        return position

    def resume(self, now: float) -> None:
        """Play on where it was stopped, from the start of that frame."""
        if self._stopped_at is None:
            return
        self._sent = self._sounded = max(bisect_right(self._starts, self._stopped_at + _EXACT) - 1, 0)
        self._anchor = (self._starts[self._sent], now) if self._anchor else None
        self._stopped_at = None

    def finished(self, now: float) -> bool:
        """Whether all was played."""
        all_sent = self._complete and self._sent == len(self._frames)
        return all_sent and not self.stopped and self.position(now) >= self.seconds - _EXACT

    def heard(self, now: float) -> list[bytes]:
        """The frames that were played, at least in part."""
        position = self.position(now)
        return [
            frame
            for frame, start in zip(self._frames[: self._sent], self._starts, strict=False)
            if start < position - _EXACT
        ]
