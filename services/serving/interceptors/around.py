"""The form that all our interceptors have: a context manager around the whole RPC."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
    Base = grpc.aio.ServerInterceptor[Any, Any]
else:
    Base = grpc.aio.ServerInterceptor

INFRASTRUCTURE = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
)
"""Services that probes and tools call: without token, deadline, or a place in the limits."""

_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


@dataclass(frozen=True, slots=True)
class Rpc:
    """One running RPC."""

    service: str
    method: str
    kind: str
    """``unary``, ``server_stream``, ``client_stream`` or ``bidi_stream``."""
    metadata: Mapping[str, str]
    """What the caller sent, the binary entries left out."""
    context: "Context"


class Interceptor(Base, ABC):
    """An interceptor that wraps an RPC of any kind in ``around``.

    ``infrastructure`` says whether it also wraps health and reflection.
    """

    infrastructure = False

    @abstractmethod
    def around(self, rpc: Rpc) -> AbstractAsyncContextManager[None]:
        """Return what is entered before the RPC runs and left after its last message."""

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler":
        """Wrap the handler that the rest of the chain finds."""
        handler = await continuation(handler_call_details)
        if handler is None:  # no such method: gRPC answers UNIMPLEMENTED
            return handler
        _, service, method = handler_call_details.method.split("/", 2)
        if service in INFRASTRUCTURE and not self.infrastructure:
            return handler
        metadata = {
            key: value
            for key, value in handler_call_details.invocation_metadata or ()
            if isinstance(value, str)
        }
        kind = kind_of(handler)

        async def run(request: Any, context: "Context") -> Any:
            handed_on = [request]
            del request  # a failed RPC's frames outlive it, and a request may be large
            async with self.around(Rpc(service, method, kind, metadata, context)):
                return await respond(handler, handed_on.pop(), context)

        return replaced(handler, run)


def kind_of(handler: "Handler") -> str:
    """Return the kind of RPC, as ``grpc_type`` has it in metrics."""
    if handler.request_streaming:
        return "bidi_stream" if handler.response_streaming else "client_stream"
    return "server_stream" if handler.response_streaming else "unary"


async def respond(handler: "Handler", request: Any, context: "Context") -> Any:
    """Run the handler: return its response, or write its stream of responses.

    Streams are written from here, not yielded, so that a cancelled RPC closes
    the servicer's generator at once and in the RPC's own task.
    """
    result = _behaviour(handler)(request, context)
    del request
    if not hasattr(result, "__aiter__"):
        return await result
    async with aclosing(result) as responses:
        async for response in responses:
            await context.write(response)
    return None


def replaced(
    handler: "Handler", run: Callable[..., Awaitable[Any]], deserializer: Callable[[bytes], Any] | None = None
) -> "Handler":
    """Return the handler with another behaviour, and another deserializer where one is given."""
    make: Any = _MAKERS[handler.request_streaming, handler.response_streaming]
    made: Handler = make(
        run,
        request_deserializer=deserializer or handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return made


def _behaviour(handler: "Handler") -> Callable[[Any, "Context"], Any]:
    behaviour: Any = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    found: Callable[[Any, Context], Any] = behaviour
    return found
