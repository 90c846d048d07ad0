"""A servicer with all four kinds of RPC, on our own wire, that does what its input tells it."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from services.serving.deadlines import remaining_seconds
from services.serving.errors import FieldViolation, InvalidArgument, NotFound, Unavailable
from services.serving.identity import current_caller, current_request_id, current_trace
from services.serving.server import Registration

SECRET = "my card number is 4111"
TTS = tts_pb2.DESCRIPTOR.services_by_name["TtsService"]
DIALOGUE = dialogue_pb2.DESCRIPTOR.services_by_name["DialogueService"]


class Tts(tts_pb2_grpc.TtsServiceServicer):
    """Unary and bidirectional: speaks by sending the text back, and obeys a few words."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        """Names of the tasks that streams were closed in."""
        self.cancelled = asyncio.Event()
        self.entered = asyncio.Event()
        self.release = asyncio.Event()

    async def Synthesize(self, request: Any, context: Any) -> tts_pb2.SynthesizeResponse:  # noqa: N802
        match request.text:
            case "":
                raise InvalidArgument("TEXT_EMPTY", "text is empty: send something to say", field="text")
            case "many faults":
                raise InvalidArgument(
                    "TEXT_INVALID",
                    "много",
                    violations=[FieldViolation(f"text[{n}]", "x" * 900) for n in range(100)],
                )
            case "not found":
                raise NotFound("VOICE_UNKNOWN", "no such voice", metadata={"voice": "bert"})
            case "unavailable":
                raise Unavailable("MODEL_UNAVAILABLE", "the model cannot be reached", retry_after_seconds=1.5)
            case "crash":
                raise RuntimeError(SECRET)
            case "cancelled inside":
                inner = asyncio.get_running_loop().create_future()
                inner.cancel()
                await inner
            case "wait":  # until released
                self.entered.set()
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
            case "a moment":
                await asyncio.sleep(1)
            case "who":
                caller, trace = current_caller(), current_trace()
                assert trace is not None
                told = (
                    caller.tenant,
                    caller.role,
                    caller.session_id,
                    current_request_id(),
                    trace.traceparent,
                )
                return tts_pb2.SynthesizeResponse(audio=" ".join(map(str, told)).encode())
            case "time":
                return tts_pb2.SynthesizeResponse(audio=str(remaining_seconds(context)).encode())
        return tts_pb2.SynthesizeResponse(audio=request.text.encode())

    async def StreamingSynthesize(  # noqa: N802
        self, requests: Any, context: Any
    ) -> AsyncIterator[tts_pb2.StreamingSynthesizeResponse]:
        expected = "config"
        try:
            async for request in requests:
                if request.WhichOneof("request") != expected:
                    raise InvalidArgument("STREAM_OUT_OF_ORDER", f"expected {expected}", field="request")
                expected = "text"
                if request.text == "crash":
                    raise RuntimeError(SECRET)
                if request.text == "endless":
                    while True:
                        yield tts_pb2.StreamingSynthesizeResponse(audio=b"x" * 65536)
                yield tts_pb2.StreamingSynthesizeResponse(audio=request.text.encode())
            if expected == "config":
                raise InvalidArgument("STREAM_EMPTY", "the stream has no messages: send the config first")
        finally:
            task = asyncio.current_task()
            self.closed.append(task.get_name() if task else "")

    async def ListVoices(self, request: Any, context: Any) -> tts_pb2.ListVoicesResponse:  # noqa: N802
        return tts_pb2.ListVoicesResponse(voices=[tts_pb2.Voice(name="bert")])


class Dialogue(dialogue_pb2_grpc.DialogueServiceServicer):
    """Server and client streams."""

    async def Respond(  # noqa: N802
        self, request: Any, context: Any
    ) -> AsyncIterator[dialogue_pb2.RespondResponse]:
        if not request.input.text:
            raise InvalidArgument("INPUT_EMPTY", "input has no text", field="input.text")
        for word in request.input.text.split():
            yield dialogue_pb2.RespondResponse(answer_delta=word)

    async def Understand(self, request: Any, context: Any) -> dialogue_pb2.UnderstandResponse:  # noqa: N802
        if not request.HasField("input"):
            raise InvalidArgument("INPUT_EMPTY", "there is no input", field="input")
        return dialogue_pb2.UnderstandResponse()

    async def PublishDomain(  # noqa: N802
        self, requests: Any, context: Any
    ) -> dialogue_pb2.PublishDomainResponse:
        name, size = "", 0
        async for request in requests:
            if request.HasField("config"):
                name = request.config.name
            size += len(request.chunk)
        if not re.fullmatch(r"[a-z0-9_]{1,40}", name):
            raise InvalidArgument("DOMAIN_NAME_INVALID", "the name is not valid", field="config.name")
        return dialogue_pb2.PublishDomainResponse(domain_version=f"{name}@{size}")


def registrations(tts: Tts) -> list[Registration]:
    """Return both servicers' registrations."""
    return [
        Registration(TTS.full_name, tts_pb2_grpc.add_TtsServiceServicer_to_server, tts),
        Registration(DIALOGUE.full_name, dialogue_pb2_grpc.add_DialogueServiceServicer_to_server, Dialogue()),
    ]
