"""Every call has a deadline, but those that last as long as people talk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.serving.deadlines import OPEN_ENDED, remaining_seconds
from services.serving.interceptors.around import Interceptor, Rpc


class DeadlineInterceptor(Interceptor):
    """Refuses an RPC without a deadline with INVALID_ARGUMENT, unless it is ``OPEN_ENDED``."""

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Check that there is time to run the RPC in."""
        if rpc.context.time_remaining() is not None or f"{rpc.service}/{rpc.method}" not in OPEN_ENDED:
            remaining_seconds(rpc.context)
        yield
