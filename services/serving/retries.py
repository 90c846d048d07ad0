"""Repeating calls that failed with UNAVAILABLE, where their service says that this is safe.

gRPC's own retry policy is not used: since grpc 1.72 a call under it can hang
for ever, past its deadline, when the peer dies (github.com/grpc/grpc/issues/41036).
"""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    Base = grpc.aio.UnaryUnaryClientInterceptor[Any, Any]
else:
    Base = grpc.aio.UnaryUnaryClientInterceptor

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.05
"""Doubled after each attempt, and varied by half so that callers do not come back together."""


class RetryBudget:
    """Stops repeating while most calls fail (retry throttling of gRFC A6).

    A failure costs a token, a success gives a tenth back; repeating needs more
    than half of the tokens.
    """

    def __init__(self, tokens: float = 10.0) -> None:
        self._most = self._tokens = tokens

    def record(self, *, failed: bool) -> None:
        """Count an attempt."""
        self._tokens = max(0.0, self._tokens - 1) if failed else min(self._most, self._tokens + 0.1)

    def allows(self) -> bool:
        """Whether one may repeat now."""
        return self._tokens > self._most / 2


class RetryInterceptor(Base):
    """Repeats unary calls to ``retried``: services (``a.v1.B``) or methods (``a.v1.B/Method``).

    All attempts together keep to the call's deadline.
    """

    def __init__(self, retried: Collection[str]) -> None:
        self._retried = frozenset(retried)
        self._budget = RetryBudget()

    async def intercept_unary_unary(
        self,
        continuation: Callable[[Any, Any], Awaitable[Any]],
        client_call_details: Any,
        request: Any,
    ) -> Any:
        """Call, and repeat the call where that is safe, has a chance and there is time."""
        method = client_call_details.method
        path = (method.decode() if isinstance(method, bytes) else method).lstrip("/")
        repeatable = path in self._retried or path.split("/")[0] in self._retried
        end = time.monotonic() + (client_call_details.timeout or float("inf"))
        for attempt in itertools.count(1):
            call = await continuation(client_call_details, request)
            try:
                failed = await call.code() is grpc.StatusCode.UNAVAILABLE
            except asyncio.CancelledError:
                call.cancel()  # gRPC cancels this coroutine only
                raise
            self._budget.record(failed=failed)
            pause = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311
            remaining = end - time.monotonic() - pause
            last = attempt == ATTEMPTS or remaining <= 0 or not self._budget.allows()
            if not failed or not repeatable or last:
                return call
            await asyncio.sleep(pause)
            if client_call_details.timeout is not None:
                client_call_details = client_call_details._replace(timeout=remaining)
