"""RPCs that never end by themselves: health watchers and reflection streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.serving.errors import Unavailable
from services.serving.interceptors.around import INFRASTRUCTURE, Interceptor, Rpc

_NOTICE_SECONDS = 0.1


class WatcherInterceptor(Interceptor):
    """Ends watchers when the server drains, which would wait its whole time for them otherwise."""

    infrastructure = True

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._ended = False

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Remember the RPC's task while it runs."""
        task = asyncio.current_task()
        if task is None or rpc.service not in INFRASTRUCTURE:
            yield
            return
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._ended:
                raise
            # gRPC sends no status for a cancelled task, so it must not stay cancelled.
            task.uncancel()
            raise Unavailable("SHUTTING_DOWN", "the server is shutting down: connect again") from None
        finally:
            self._tasks.discard(task)

    async def end(self) -> None:
        """End all watchers, after the moment that they need to report NOT_SERVING."""
        self._ended = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_NOTICE_SECONDS)
        for task in self._tasks:
            task.cancel()
