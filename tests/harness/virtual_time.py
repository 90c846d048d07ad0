"""An event loop whose clock jumps to the next timer: minutes pass in no time, and always the same way."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualClock:
    """A ``Clock`` on the virtual loop's time."""

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Return the time since the loop began, on a day of 2026."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual_seconds = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self._virtual_seconds

    def pass_time(self, seconds: float) -> None:
        self._virtual_seconds += seconds


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: _Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing is going to happen: every task waits for another")
        if timeout > 0:
            self._loop.pass_time(timeout)
        return super().select(0)


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing but timers and other tasks."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)
