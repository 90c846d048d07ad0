"""One log line for each RPC: what was called and how it ended, never what was said."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.serving.interceptors.around import Interceptor, Rpc
from services.serving.interceptors.outcome import outcome

_log = structlog.stdlib.get_logger("frontdesk.rpc")


class LogInterceptor(Interceptor):
    """Logs each RPC when it ends. Tenant, request id and reason come from the log's context."""

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Time the RPC and log its outcome."""
        started = time.perf_counter()
        error: BaseException | None = None
        try:
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            _log.info(
                "rpc finished",
                service=rpc.service,
                method=rpc.method,
                code=outcome(rpc, error),
                duration_ms=round((time.perf_counter() - started) * 1000, 3),
            )
            error = None  # its traceback holds this frame, and the request until the cycle is collected
