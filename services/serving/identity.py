"""Who calls, and which request this is, for the code that runs inside an RPC.

The interceptors set both at the start of each RPC; grpc.aio gives every RPC a
context of its own, so nothing leaks from one to the next.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field

_caller: ContextVar["Caller"] = ContextVar("frontdesk_caller")
_trace: ContextVar["Trace"] = ContextVar("frontdesk_trace")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    ``tenant`` is the only source of the tenant anywhere. ``session_id`` is empty
    outside of a session. ``token`` is the internal token that the caller showed,
    to be passed on to the next service; empty at the gateway, whose callers show
    another credential.
    """

    tenant: str
    role: str
    session_id: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Trace:
    """What ties the log lines and calls of one request together.

    ``traceparent`` is the W3C Trace Context header as it came, ``None`` where
    none or an invalid one came.
    """

    request_id: str
    traceparent: str | None = None


def current_caller() -> Caller:
    """Return who calls. Raises ``LookupError`` outside of an authenticated RPC."""
    return _caller.get()


def current_request_id() -> str:
    """Return the id of the request. Raises ``LookupError`` outside of an RPC."""
    return _trace.get().request_id


def current_trace() -> Trace | None:
    """Return the request's trace, ``None`` outside of an RPC."""
    return _trace.get(None)


def set_caller(caller: Caller) -> None:
    """Say who calls, for the rest of the running RPC."""
    _caller.set(caller)


def set_trace(trace: Trace) -> None:
    """Say which request this is, for the rest of the running RPC."""
    _trace.set(trace)
