"""The last seconds of a stream, in memory that does not grow. Pure."""

import numpy as np
from numpy.typing import NDArray

from services.asr.model import SAMPLE_RATE


class RecentAudio:
    """Keeps at least the last ``seconds`` of mono 16 kHz samples."""

    def __init__(self, seconds: float) -> None:
        self._keep = round(seconds * SAMPLE_RATE)
        self._samples = np.zeros(2 * self._keep, np.float32)
        self._begin = 0  # the first kept sample, counted in the stream
        self._count = 0

    def append(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples, at most ``seconds`` of them."""
        if self._count + len(samples) > len(self._samples):
            dropped = self._count - self._keep
            self._samples[: self._keep] = self._samples[dropped : self._count]
            self._begin += dropped
            self._count = self._keep
        self._samples[self._count : self._count + len(samples)] = samples
        self._count += len(samples)

    def between(self, begin: float, end: float) -> tuple[float, NDArray[np.float32]]:
        """What is kept from ``begin`` to ``end`` seconds of the stream: where it begins, and a copy."""
        first = min(max(0, round(begin * SAMPLE_RATE) - self._begin), self._count)
        last = min(max(first, round(end * SAMPLE_RATE) - self._begin), self._count)
        return (self._begin + first) / SAMPLE_RATE, self._samples[first:last].copy()
