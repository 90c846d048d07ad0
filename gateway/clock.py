"""The real time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """A ``Clock`` on the machine's time."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the time of day, UTC."""
        return datetime.now(UTC)
