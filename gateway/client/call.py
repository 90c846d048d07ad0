"""A live call: audio, text and pictures go out while events come in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Any

import grpc
from frontdesk.gateway.v1 import conversation_pb2, conversation_pb2_grpc
from google.protobuf import duration_pb2

from gateway.client.channel import Metadata, open_call_channel
from gateway.client.errors import api_errors

_FAILED_WRITE = "Internal error from Core"


class Call:
    """One call, on a connection of its own; made by :meth:`FrontdeskClient.converse`.

    Enter it to begin the call; leaving it drops what is still open, as a client does
    that vanishes. Iterate over it for the events, in one task and all the time:
    while nothing is read the answer's audio waits. Send from any other tasks;
    a send waits while the server takes nothing. What is sent after the end of the call
    goes nowhere: the iteration ends with ``goodbye``, or raises
    :class:`FrontdeskApiError` that says how the call ended.
    """

    def __init__(
        self,
        target: str,
        metadata: Metadata,
        config: conversation_pb2.ConverseConfig,
        *,
        timeout_seconds: float | None,
        root_certificates: bytes | None,
    ) -> None:
        self._target = target
        self._metadata = metadata
        self._config = config
        self._timeout_seconds = timeout_seconds
        self._root_certificates = root_certificates
        self._sending = asyncio.Lock()  # gRPC takes one message at a time
        self._channel: grpc.aio.Channel | None = None
        self._stream: Any = None
        self._status: grpc.aio.AioRpcError | None = None

    async def __aenter__(self) -> "Call":
        self._channel = open_call_channel(self._target, self._root_certificates)
        stub: Any = conversation_pb2_grpc.ConversationServiceStub(self._channel)
        self._stream = stub.Converse(metadata=self._metadata, timeout=self._timeout_seconds)
        self._stream.add_done_callback(self._keep_status)
        await self._send(conversation_pb2.ConverseRequest(config=self._config))
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.cancel()
        if self._channel is not None:
            await self._channel.close(None)

    async def send_audio(self, audio: bytes) -> None:
        """Send the next piece of the customer's audio, 20 ms typically; with OPUS one packet."""
        await self._send(conversation_pb2.ConverseRequest(audio=audio))

    async def send_text(self, text: str) -> None:
        """Send what the customer typed, up to 4,000 characters."""
        await self._send(conversation_pb2.ConverseRequest(text=text))

    async def send_image(self, image: bytes) -> None:
        """Send what the customer showed, a JPEG, PNG or WebP file's bytes."""
        content = conversation_pb2.ImageInput(content=image)
        await self._send(conversation_pb2.ConverseRequest(image=content))

    async def send_dtmf(self, digits: str) -> None:
        """Send keys that the customer pressed, 1 to 32 of ``0-9 * # A-D``."""
        pressed = conversation_pb2.DtmfDigits(digits=digits)
        await self._send(conversation_pb2.ConverseRequest(dtmf=pressed))

    async def report_playback(self, turn_id: str, seconds: float) -> None:
        """Say how far the answer of a turn was played, from the start of its audio."""
        position = duration_pb2.Duration()
        position.FromNanoseconds(round(seconds * 1e9))
        played = conversation_pb2.PlaybackPosition(turn_id=turn_id, position=position)
        await self._send(conversation_pb2.ConverseRequest(playback=played))

    async def hang_up(self) -> None:
        """End the call; ``goodbye`` follows."""
        await self._send(conversation_pb2.ConverseRequest(hang_up=conversation_pb2.HangUp()))

    async def half_close(self) -> None:
        """Say that the customer sends no more but still listens; ``goodbye`` follows when all is answered."""
        async with self._sending:
            if not self._stream.done():
                await self._stream.done_writing()

    async def __aiter__(self) -> AsyncIterator[conversation_pb2.ConverseResponse]:
        with api_errors(self._target):
            try:
                async for response in self._stream:
                    yield response
            except grpc.aio.AioRpcError as error:
                status = self._status or error
                if status.code() is not grpc.StatusCode.OK:
                    raise status from error

    def _keep_status(self, stream: Any) -> None:
        """Keep the server's word: a write that fails behind it puts INTERNAL in its place.

        https://github.com/grpc/grpc/issues/36066
        """
        code, details = _known(stream.code()), _known(stream.details())
        if self._status is None and details != _FAILED_WRITE:
            initial, trailing = _known(stream.initial_metadata()), _known(stream.trailing_metadata())
            self._status = grpc.aio.AioRpcError(code, initial, trailing, details, "")

    async def _send(self, request: conversation_pb2.ConverseRequest) -> None:
        async with self._sending:
            if self._stream.done():
                return
            try:
                await self._stream.write(request)
            except grpc.RpcError:
                return  # the call is over: the iteration says how
            except asyncio.InvalidStateError:
                if not self._stream.done():
                    raise  # half-closed


def _known(awaitable: Awaitable[Any]) -> Any:
    """Return what is known of a call that is over, without waiting."""
    try:
        awaitable.__await__().send(None)
    except StopIteration as returned:
        return returned.value
    raise RuntimeError("the call is not over")
