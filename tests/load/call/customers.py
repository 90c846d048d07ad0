"""How the benchmark's customers behave: they ask and listen, interrupt, or only listen."""

import numpy as np

from gateway.cli.call_coding import Samples
from gateway.cli.call_playback import Playback


class Asking:
    """Says what is recorded, listens until the answer has sounded for a moment, and hangs up."""

    def __init__(
        self, samples: Samples, *, heard_seconds: float = 0.5, patience_seconds: float = 4.0
    ) -> None:
        self._samples = samples
        self._heard, self._patience = heard_seconds, patience_seconds

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        """The next samples, then silence; None when the answer was heard, or waited for in vain."""
        rate, said = playback.sample_rate_hertz, len(self._samples)
        if start >= said:
            listened = playback.heard(said, start - said)
            enough = np.count_nonzero(listened) >= self._heard * rate
            if enough or start - said >= self._patience * rate:
                return None
        spoken = self._samples[start : start + count]
        return np.pad(spoken, (0, count - len(spoken)))


class Interrupting:
    """Is silent until an answer has been heard for a while, and then speaks into it."""

    def __init__(self, samples: Samples, *, after_seconds: float, patience_seconds: float = 6.0) -> None:
        self._samples = samples
        self._after, self._patience = after_seconds, patience_seconds
        self.spoke_from: int | None = None
        """The call's sample at which the recording began; None: no answer came."""

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        """Silence, the recording, and half a second more."""
        rate = playback.sample_rate_hertz
        if self.spoke_from is None:
            position = playback.position(start / rate)
            if position is None or position[1] < self._after:
                return None if start >= self._patience * rate else np.zeros(count, np.int16)
            self.spoke_from = start
        said = start - self.spoke_from
        if said >= len(self._samples) + rate // 2:
            return None
        spoken = self._samples[said : said + count]
        return np.pad(spoken, (0, count - len(spoken)))


class Listening:
    """Says nothing and hears an answer to its end, or for ``most_seconds``."""

    def __init__(self, most_seconds: float) -> None:
        self._most = most_seconds

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        """Silence."""
        now = start / playback.sample_rate_hertz
        over = playback.ends and now > playback.ends + 0.3
        return None if over or now >= self._most else np.zeros(count, np.int16)
