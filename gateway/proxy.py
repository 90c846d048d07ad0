"""Passes calls on to the services byte for byte, so that clients need one address and one credential."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from services.serving.calls import as_domain_error, call_metadata
from services.serving.deadlines import remaining_seconds
from services.serving.errors import FrontdeskError, ResourceExhausted
from services.serving.server import Registration

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class ServiceProxy:
    """Serves a gRPC service by calling the same service elsewhere.

    The caller's internal token, request id and remaining time go along; the
    peer's messages and errors come back; a cancelled call is cancelled there.
    ``label`` is the peer's name in errors ("asr"). Messages above
    ``max_message_bytes`` are refused here, since the peer's transport would refuse
    them without saying why.
    """

    def __init__(
        self, descriptor: ServiceDescriptor, channel: grpc.aio.Channel, label: str, max_message_bytes: int
    ) -> None:
        self._descriptor = descriptor
        self._channel = channel
        self._label = label
        self._max_message_bytes = max_message_bytes

    @property
    def service_name(self) -> str:
        """The service's full name."""
        return str(self._descriptor.full_name)

    def registration(self) -> Registration:
        """Return what the server needs to serve it."""
        return Registration(self.service_name, lambda proxy, server: proxy.add_to(server), self)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register the service's methods; without (de)serializers gRPC hands out bytes."""
        handlers = {method.name: self._handler(method) for method in self._descriptor.methods}
        generic = grpc.method_handlers_generic_handler(self.service_name, handlers)
        server.add_generic_rpc_handlers((generic,))

    def _handler(self, method: MethodDescriptor) -> "grpc.RpcMethodHandler[bytes, bytes]":
        path = f"/{self.service_name}/{method.name}"
        channel: Any = self._channel
        match method.client_streaming, method.server_streaming:
            case False, False:
                return grpc.unary_unary_rpc_method_handler(self._unary(channel.unary_unary(path)))
            case True, False:
                return grpc.stream_unary_rpc_method_handler(self._unary(channel.stream_unary(path)))
            case False, True:
                return grpc.unary_stream_rpc_method_handler(self._stream(channel.unary_stream(path)))
            case _:
                return grpc.stream_stream_rpc_method_handler(self._stream(channel.stream_stream(path)))

    def _unary(self, start: Any) -> Any:
        async def respond(request: bytes | AsyncIterator[bytes], context: "Context") -> bytes:
            with self._calling(start, request, context) as call:
                response: bytes = await call
                return response

        return respond

    def _stream(self, start: Any) -> Any:
        async def respond(request: bytes | AsyncIterator[bytes], context: "Context") -> AsyncGenerator[bytes]:
            with self._calling(start, request, context) as call:
                async for response in call:
                    yield response

        return respond

    @contextmanager
    def _calling(
        self, start: Any, request: bytes | AsyncIterator[bytes], context: "Context"
    ) -> Iterator[Any]:
        """Start the call at the peer, and end it with the block, whatever ends the block."""
        refused: list[FrontdeskError] = []
        task = asyncio.current_task()

        async def each(messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            try:
                async for message in messages:
                    yield self._checked(message)
            except FrontdeskError as error:
                # gRPC reads requests in a task of its own and keeps its errors to itself.
                refused.append(error)
                if task:
                    task.cancel()

        sent = self._checked(request) if isinstance(request, bytes) else each(request)
        # Only RPCs that need no deadline get here without one.
        timeout = None if context.time_remaining() is None else remaining_seconds(context)
        call = start(sent, timeout=timeout, metadata=call_metadata())
        try:
            yield call
        except grpc.aio.AioRpcError as error:
            raise as_domain_error(error, self._label) from error
        except asyncio.CancelledError:
            if refused and task and not task.uncancel():
                raise refused[0] from None
            raise
        finally:
            call.cancel()

    def _checked(self, message: bytes) -> bytes:
        if len(message) > self._max_message_bytes:
            raise ResourceExhausted(
                "MESSAGE_TOO_LARGE",
                f"the message has {len(message)} bytes, the limit is {self._max_message_bytes}",
                metadata={"limit_bytes": str(self._max_message_bytes)},
            )
        return message
