"""With which status an RPC ended, as an interceptor outside of all others sees it."""

import asyncio
from typing import Any

import grpc

from services.serving.interceptors.around import Rpc

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def outcome(rpc: Rpc, error: BaseException | None) -> str:
    """Return the status code's name in metrics and logs, such as ``OK`` or ``NOT_FOUND``.

    ``error`` is what came out of the RPC's handler, ``None`` when it returned.
    """
    if isinstance(error, asyncio.CancelledError):
        remaining: float | None = rpc.context.time_remaining()
        return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"
    if error is not None and not isinstance(error, grpc.aio.AbortError):
        return "UNKNOWN"
    code: Any = rpc.context.code()  # declared a StatusCode, but a number
    return _NAMES.get(code or 0, "UNKNOWN")
