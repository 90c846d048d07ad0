"""How many RPCs run at the same time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.serving.errors import ResourceExhausted
from services.serving.interceptors.around import Interceptor, Rpc

_RETRY_SECONDS = 0.5


class ConcurrencyInterceptor(Interceptor):
    """Refuses RPCs above a number of running ones.

    gRPC's own limit counts health probes too and says nothing of why.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Take a place for the RPC, and give it back."""
        if self._running >= self._limit:
            raise ResourceExhausted(
                "TOO_MANY_REQUESTS",
                f"the server runs {self._limit} calls already: try again shortly",
                retry_after_seconds=_RETRY_SECONDS,
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
