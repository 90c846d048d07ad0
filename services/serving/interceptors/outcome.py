"""With which status an RPC ended, as an interceptor outside of all others sees it."""

import asyncio

import grpc

from services.serving.interceptors.around import Rpc


def outcome(rpc: Rpc, error: BaseException | None) -> str:
    """Return the status code's name in metrics and logs, such as ``OK`` or ``NOT_FOUND``.

    ``error`` is what came out of the RPC's handler, ``None`` when it returned.
    """
    if isinstance(error, asyncio.CancelledError):
        remaining: float | None = rpc.context.time_remaining()
        return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"
    if error is not None and not isinstance(error, grpc.aio.AbortError):
        return "UNKNOWN"
    code: grpc.StatusCode | None = rpc.context.code()  # None until something sets it
    return code.name if code else "OK"
