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
    UnaryBase = grpc.aio.UnaryUnaryClientInterceptor[Any, Any]
    StreamBase = grpc.aio.UnaryStreamClientInterceptor[Any, Any]
else:
    UnaryBase = grpc.aio.UnaryUnaryClientInterceptor
    StreamBase = grpc.aio.UnaryStreamClientInterceptor

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


class _Repeater:
    """Makes a call again while that is safe, has a chance and there is time."""

    def __init__(self, retried: Collection[str], budget: RetryBudget) -> None:
        self._retried = frozenset(retried)
        self._budget = budget

    async def call(
        self,
        continuation: Callable[[Any, Any], Awaitable[Any]],
        details: Any,
        request: Any,
        status: Callable[[Any], Awaitable[grpc.StatusCode | None]],
    ) -> Any:
        """Return the last attempt; ``status`` waits for an attempt's code, None while it succeeds."""
        method = details.method
        path = (method.decode() if isinstance(method, bytes) else method).lstrip("/")
        repeatable = path in self._retried or path.split("/")[0] in self._retried
        end = time.monotonic() + (details.timeout or float("inf"))
        for attempt in itertools.count(1):
            call = await continuation(details, request)
            try:
                failed = await status(call) is grpc.StatusCode.UNAVAILABLE
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
            if details.timeout is not None:
                details = details._replace(timeout=remaining)


class UnaryRetryInterceptor(UnaryBase):
    """Repeats unary calls; all attempts together keep to the call's deadline."""

    def __init__(self, repeater: _Repeater) -> None:
        self._repeater = repeater

    async def intercept_unary_unary(
        self,
        continuation: Callable[[Any, Any], Awaitable[Any]],
        client_call_details: Any,
        request: Any,
    ) -> Any:
        """Call, and repeat the call where that is safe."""

        async def status(call: Any) -> grpc.StatusCode | None:
            code: grpc.StatusCode = await call.code()
            return code

        return await self._repeater.call(continuation, client_call_details, request, status)


class StreamRetryInterceptor(StreamBase):
    """Repeats calls that stream their answer, as long as nothing of the answer has come."""

    def __init__(self, repeater: _Repeater) -> None:
        self._repeater = repeater

    async def intercept_unary_stream(  # type: ignore[override]  # the stubs want a finished call
        self,
        continuation: Callable[[Any, Any], Awaitable[Any]],
        client_call_details: Any,
        request: Any,
    ) -> Any:
        """Call, and repeat the call where that is safe."""

        async def status(call: Any) -> grpc.StatusCode | None:
            # Comes with the first message, or with the status of a call that fails before it.
            await call.initial_metadata()
            return await call.code() if call.done() else None

        return await self._repeater.call(continuation, client_call_details, request, status)


def retry_interceptors(retried: Collection[str]) -> list[Any]:
    """Make the interceptors of one channel, which share a budget.

    ``retried`` are services (``a.v1.B``) or methods (``a.v1.B/Method``) that are safe to repeat.
    """
    repeater = _Repeater(retried, RetryBudget())
    return [UnaryRetryInterceptor(repeater), StreamRetryInterceptor(repeater)]
