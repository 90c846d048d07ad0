"""Request ids and trace context: in, around, and out again."""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.serving.identity import Trace, set_trace
from services.serving.interceptors.around import Interceptor, Rpc

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# W3C Trace Context, version 00; an id of zeros alone is invalid.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class TraceInterceptor(Interceptor):
    """Takes ``x-request-id`` or makes one, and keeps ``traceparent`` to be passed on.

    The id goes back in the trailing metadata, of failed RPCs too.
    """

    infrastructure = True

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Set the trace for the RPC's code and its log lines."""
        request_id = rpc.metadata.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        traceparent = rpc.metadata.get("traceparent", "")
        set_trace(Trace(request_id, traceparent if _TRACEPARENT.fullmatch(traceparent) else None))
        structlog.contextvars.bind_contextvars(request_id=request_id)
        rpc.context.set_trailing_metadata((("x-request-id", request_id),))
        yield
