"""Reads request messages so that bad bytes are the caller's error.

grpc.aio runs the generated deserializer before any interceptor's code and
answers UNKNOWN, with the exception's name, when it fails.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from services.serving.errors import InvalidArgument, ResourceExhausted
from services.serving.interceptors.around import Base, replaced, respond

if TYPE_CHECKING:
    from services.serving.interceptors.around import Context, Handler


class DecodingInterceptor(Base):
    """Decodes inside of the error interceptor: INVALID_ARGUMENT, RESOURCE_EXHAUSTED when too large.

    For streams the error is raised where the servicer asks for the next message.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler":
        """Take over the handler's deserializer."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        deserialize: Callable[[bytes], Any] = handler.request_deserializer or bytes  # a proxy has none

        def decode(message: bytes) -> Any:
            if len(message) > self._max_message_bytes:
                raise ResourceExhausted(
                    "MESSAGE_TOO_LARGE",
                    f"the message has {len(message)} bytes, the limit is {self._max_message_bytes}",
                    metadata={"limit_bytes": str(self._max_message_bytes)},
                )
            try:
                return deserialize(message)
            except DecodeError as error:
                raise InvalidArgument(
                    "MALFORMED_MESSAGE",
                    "the bytes are not a message of this RPC: send what the proto file declares",
                ) from error

        if handler.request_streaming:

            async def run_stream(requests: Any, context: "Context") -> Any:
                return await respond(handler, requests, context)

            return replaced(handler, run_stream, decode)

        async def run(message: bytes, context: "Context") -> Any:
            return await respond(handler, decode(message), context)

        return replaced(handler, run, bytes)
