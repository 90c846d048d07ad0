"""The customer's audio as it came, kept as long as a turn may need it. Pure."""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta

from gateway.call.coding import AudioCoding

_BEFORE_SPEECH_SECONDS = 10.0
"""Speech is found late where hearing is behind: it takes up to 5 s before it waits for itself."""
_EXACT = 1e-6
AUDIO_MARGIN = timedelta(seconds=0.3)
"""Kept of a turn's audio before and behind the speech."""


@dataclass(frozen=True, slots=True)
class _Piece:
    start: float
    end: float
    audio: bytes


class CustomerRecording:
    """The end of the customer's audio: the last seconds, or all since speech began up to ``most_bytes``."""

    def __init__(self, coding: AudioCoding, most_bytes: int) -> None:
        self._coding = coding
        self._most_bytes = most_bytes
        self._pieces: deque[_Piece] = deque()
        self._bytes = 0
        self._end = 0.0
        self._kept_from: float | None = None

    def append(self, audio: bytes) -> None:
        """Add the next piece."""
        start, self._end = self._end, self._end + self._coding.seconds(audio)
        if self._kept_from is None:
            self._drop_before(self._end - _BEFORE_SPEECH_SECONDS)
        if self._bytes + len(audio) <= self._most_bytes:
            self._pieces.append(_Piece(start, self._end, audio))
            self._bytes += len(audio)

    def keep_from(self, start: timedelta) -> None:
        """Keep all from just before ``start`` on, until it is released."""
        if self._kept_from is None:
            self._kept_from = (start - AUDIO_MARGIN).total_seconds()
            self._drop_before(self._kept_from)

    def pieces(self, start: timedelta, end: timedelta) -> list[bytes]:
        """Return the audio from just before ``start`` to just behind ``end``."""
        first, last = (start - AUDIO_MARGIN).total_seconds(), (end + AUDIO_MARGIN).total_seconds()
        return [
            piece.audio
            for piece in self._pieces
            if piece.end > first + _EXACT and piece.start < last - _EXACT
        ]

    def release(self) -> None:
        """Keep no more than the last seconds again."""
        self._kept_from = None

    def _drop_before(self, time: float) -> None:
        while self._pieces and self._pieces[0].end <= time:
            self._bytes -= len(self._pieces.popleft().audio)
