"""Every call has a deadline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.serving.deadlines import remaining_seconds
from services.serving.interceptors.around import Interceptor, Rpc


class DeadlineInterceptor(Interceptor):
    """Refuses an RPC without a deadline with INVALID_ARGUMENT."""

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Check that there is time to run the RPC in."""
        remaining_seconds(rpc.context)
        yield
