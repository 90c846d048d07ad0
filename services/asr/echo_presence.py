"""Whether what is heard holds an echo of what is played. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000


@dataclass(frozen=True, slots=True)
class PresenceRules:
    """When an echo counts as there. Seconds and correlations (0 to 1)."""

    every: float = 0.1
    """Looked for this often,"""
    heard: float = 0.4
    """in so much of what was heard,"""
    longest: float = 0.5
    """at delays up to this one."""
    correlated: float = 0.15
    """An echo is there at this correlation: chance reaches 0.11, telephone echo has 0.2 to 0.5."""
    absent: float = 0.3
    """It is not there where so much played sound passed without correlation at the start,"""
    gone: float = 2.0
    """and after so much where it was there: a speaker hides it for a while."""
    audible: float = 5e-3
    """Played sound of a lower level (RMS, -46 dBFS) does not count."""


class EchoPresence:
    """Correlates by phase alone between 300 and 3400 Hz (GCC-PHAT; Knapp and Carter, "The generalized
    correlation method for estimation of time delay", 1976), which speech on both sides hardly resembles by
    chance.
    """

    def __init__(self, rules: PresenceRules | None = None) -> None:
        self._rules = rules or PresenceRules()
        self._lags = round(self._rules.longest * SAMPLE_RATE)
        heard = round(self._rules.heard * SAMPLE_RATE)
        self._heard = np.zeros(heard, np.float32)
        self._played = np.zeros(heard + self._lags, np.float32)
        self._size = 1 << (len(self._played) + heard - 1).bit_length()
        bins = np.fft.rfftfreq(self._size, 1 / SAMPLE_RATE)
        self._band = slice(int(np.searchsorted(bins, 300)), int(np.searchsorted(bins, 3400)))
        self._new = 0
        self._without = 0.0  # seconds of played sound since the last correlation
        self._found = False
        self.present = True
        """Whether an echo is there; True until it is known."""

    def feed(self, played: NDArray[np.float32], heard: NDArray[np.float32]) -> None:
        """Take as many samples of both, mono at 16 kHz."""
        self._played = np.concatenate([self._played, played])[-len(self._played) :]
        self._heard = np.concatenate([self._heard, heard])[-len(self._heard) :]
        self._new += len(heard)
        if self._new >= self._rules.every * SAMPLE_RATE:
            self._new = 0
            self._judge()

    def _judge(self) -> None:
        if self.correlation() >= self._rules.correlated:
            self._without, self._found, self.present = 0.0, True, True
            return
        # Only what would have been heard by now, whatever the delay.
        if np.sqrt(np.mean(self._played[: -self._lags] ** 2)) < self._rules.audible:
            return
        self._without += self._rules.every
        if self._without >= (self._rules.gone if self._found else self._rules.absent):
            self._found = self.present = False

    def correlation(self) -> float:
        """Of what was heard last with what was played before, at the delay that fits best; 0 to 1."""
        heard = np.fft.rfft(self._heard * np.hanning(len(self._heard)), self._size)[self._band]
        played = np.fft.rfft(self._played, self._size)[self._band]
        cross = heard * np.conj(played)
        phases = np.zeros(self._size // 2 + 1, np.complex128)
        phases[self._band] = cross / np.maximum(np.abs(cross), 1e-12)
        # What was heard begins where the longest delay's end lies in what was played.
        by_lag = np.fft.irfft(phases)
        at = np.concatenate([by_lag[-self._lags :], by_lag[:1]])
        return float(at.max() * self._size / 2 / len(cross))
