"""Turns what a servicer raises into a status. Nothing else of ours aborts an RPC."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import grpc
import structlog
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.serving import status
from services.serving.errors import FrontdeskError
from services.serving.interceptors.around import Interceptor, Rpc

_log = structlog.stdlib.get_logger("frontdesk.rpc")

_READ_ON_SECONDS = 0.1


class ErrorInterceptor(Interceptor):
    """Sends domain errors as their status with details, and all others as INTERNAL.

    INTERNAL carries one fixed sentence: an exception's text may hold what a
    customer said, so neither the caller nor the log sees it; the log has the
    exception's type and where it was raised.
    """

    infrastructure = True

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Catch what the RPC raises."""
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except FrontdeskError as error:
            # gRPC keeps the RPC's last exception, and with it what the frames hold, until a collection.
            cause: BaseException | None = error
            while cause is not None:
                traceback.clear_frames(cause.__traceback__)
                cause = cause.__cause__ or cause.__context__
            await _abort(rpc, status.encode(error), error.reason)
        except NotImplementedError as error:
            # The generated base class sets this code for what a servicer leaves out.
            if rpc.context.code() is grpc.StatusCode.UNIMPLEMENTED:
                message = "the server does not offer this method"
                await _abort(rpc, _undetailed(grpc.StatusCode.UNIMPLEMENTED, message), "UNIMPLEMENTED")
            else:
                await _fail(rpc, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something that the RPC waited for was cancelled, not the RPC: gRPC would send no status.
            await _fail(rpc, error)
        except Exception as error:
            await _fail(rpc, error)


async def _fail(rpc: Rpc, error: BaseException) -> None:
    _log.error(  # not log.exception, which prints the exception's text
        "rpc failed unexpectedly",
        service=rpc.service,
        method=rpc.method,
        error_type=type(error).__qualname__,
        raised_at=[
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ],
    )
    message = "the server failed; its log has the details under the request id"
    await _abort(rpc, _undetailed(grpc.StatusCode.INTERNAL, message), "INTERNAL")


async def _abort(rpc: Rpc, sent: status_pb2.Status, reason: str) -> None:
    structlog.contextvars.bind_contextvars(reason=reason)
    if rpc.kind in ("client_stream", "bidi_stream"):
        await _read_on(rpc)
    if rpc.context.done():  # the caller is gone
        raise asyncio.CancelledError
    converted = cast(Any, rpc_status.to_status(sent))
    trailing = (*(rpc.context.trailing_metadata() or ()), *converted.trailing_metadata)
    await rpc.context.abort(converted.code, converted.details, cast(Any, trailing))


async def _read_on(rpc: Rpc) -> None:
    """Let the caller finish sending, for a moment, before the status is sent.

    A grpc.aio client that writes while the status arrives reports INTERNAL in
    its place (gRPC issue 36066).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_READ_ON_SECONDS):
            while True:
                try:
                    if await rpc.context.read() is grpc.aio.EOF:  # type: ignore[attr-defined]
                        return
                except FrontdeskError:  # a message that cannot be decoded either
                    continue
                except grpc.aio.BaseError:  # the servicer's own read is under way, or the caller is gone
                    return


def _undetailed(code: grpc.StatusCode, message: str) -> status_pb2.Status:
    """A status whose reason is its own name, for what is no domain error."""
    sent = status_pb2.Status(code=code.value[0], message=message)
    sent.details.add().Pack(error_details_pb2.ErrorInfo(reason=code.name, domain=status.DOMAIN))
    return sent
