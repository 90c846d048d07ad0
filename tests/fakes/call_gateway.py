"""A gateway that holds calls by a simple ear: loud is speech, 0.3 s of quiet end a turn, a tone answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2

from gateway.cli.call_coding import CallFormat, Coding, Decoder
from tests.fakes.live_call import seconds

Event = conversation_pb2.ConverseResponse
PIECES = 10
PIECE_SECONDS = 0.1
_LOUD = 1000
_CODINGS = {coding.on_the_wire: coding for coding in Coding}


@dataclass
class CallGateway:
    """Notes what it is sent. ``capacity`` is how many calls it holds at a time."""

    capacity: int = 10
    configs: list[conversation_pb2.ConverseConfig] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    requests: list[conversation_pb2.ConverseRequest] = field(default_factory=list)
    breaks_off: int = 0
    """Calls end with the audio message of this number, if not 0."""
    left: int = 0
    """Calls whose client went away without a word."""
    _held: int = 0

    def of(self, kind: str) -> list[Any]:
        """What was sent of a kind."""
        return [getattr(each, kind) for each in self.requests if each.WhichOneof("request") == kind]

    async def converse(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Event]:
        self.credentials.append(dict(context.invocation_metadata())["authorization"])
        if self._held >= self.capacity:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "as many calls as can be held well")
        self._held += 1
        try:
            config = (await anext(aiter(requests))).config
            self.configs.append(config)
            yield Event(session_id=config.session_id or "s1", call_started=conversation_pb2.CallStarted())
            async for event in _Held(self, config).events(self._until_broken_off(requests, context)):
                event.session_id = config.session_id or "s1"
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.left += 1
            raise
        finally:
            self._held -= 1

    async def _until_broken_off(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield request
            if self.breaks_off and len(self.of("audio")) == self.breaks_off:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nothing is published")


class _Held:
    def __init__(self, gateway: CallGateway, config: conversation_pb2.ConverseConfig) -> None:
        self._gateway = gateway
        self._format = CallFormat(_CODINGS[config.encoding], config.sample_rate_hertz)
        self._decoder: Decoder = self._format.decoder()
        self._speaking = False
        self._heard = self._loud_until = 0.0
        self._turns = 0

    async def events(self, requests: AsyncIterator[Any]) -> AsyncIterator[Event]:
        reason = conversation_pb2.GOODBYE_REASON_HALF_CLOSE
        async for request in requests:
            self._gateway.requests.append(request)
            match request.WhichOneof("request"):
                case "audio":
                    for event in self._hear(request.audio):
                        yield event
                case "playback" if (
                    request.playback.position.ToMilliseconds() == PIECES * PIECE_SECONDS * 1000
                ):
                    yield self._completed(request.playback.turn_id)
                case "hang_up":
                    reason = conversation_pb2.GOODBYE_REASON_HANG_UP
                    break
        yield Event(goodbye=conversation_pb2.Goodbye(reason=reason))

    def _hear(self, audio: bytes) -> list[Event]:
        samples = self._decoder.decode(audio)
        self._heard += len(samples) / self._format.sample_rate_hertz
        if np.abs(samples.astype(np.int32)).max(initial=0) > _LOUD:
            self._loud_until = self._heard
            if not self._speaking:
                self._speaking = True
                self._turns += 1
                started = conversation_pb2.SpeechStarted(start_offset=seconds(self._heard))
                return [self._event(speech_started=started)]
        elif self._speaking and self._heard - self._loud_until >= 0.3:
            self._speaking = False
            return self._answer()
        return []

    def _answer(self) -> list[Event]:
        ended = conversation_pb2.EndOfTurn(
            reason=conversation_pb2.END_OF_TURN_REASON_COMPLETE, silence=seconds(0.3), anticipated=True
        )
        heard = conversation_pb2.Transcript(text="what is this", language_code="en", confidence=0.9)
        picture = dialogue_pb2.AnswerPicture(
            picture_id="router-red", caption="A red light", media_type="image/webp", content=b"RIFF"
        )
        rate = self._format.sample_rate_hertz
        times = np.arange(round(PIECES * PIECE_SECONDS * rate)) / rate
        tone = (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
        encoder, frame = self._format.encoder(), round(0.02 * rate)
        audio = [
            self._event(answer_audio=conversation_pb2.CallAudio(audio=message, position=seconds(at / rate)))
            for at in range(0, len(tone), frame)
            for message in encoder.encode(tone[at : at + frame])
        ]
        return [
            self._event(partial_transcript=conversation_pb2.PartialTranscript(text="what is")),
            self._event(end_of_turn=ended),
            self._event(turn_started=conversation_pb2.TurnStarted()),
            self._event(final_transcript=heard),
            self._event(answer_text=conversation_pb2.AnswerText(delta="A router.")),
            self._event(answer_picture=picture),
            *audio,
        ]

    def _completed(self, turn_id: str) -> Event:
        timing = conversation_pb2.StageTiming(
            stage=conversation_pb2.STAGE_ASR, start_offset=seconds(0.0), duration=seconds(0.02)
        )
        completed = conversation_pb2.TurnCompleted(
            decision=dialogue_pb2.DECISION_ANSWER, answer="A router.", timings=[timing]
        )
        return Event(turn_id=turn_id, turn_completed=completed)

    def _event(self, **fields: Any) -> Event:
        return Event(turn_id=f"t{self._turns}", **fields)


@asynccontextmanager
async def holding_calls(gateway: CallGateway) -> AsyncIterator[str]:
    """Serve it on a free port; yields the target."""
    server = grpc.aio.server()
    converse = grpc.stream_stream_rpc_method_handler(
        gateway.converse,
        request_deserializer=conversation_pb2.ConverseRequest.FromString,
        response_serializer=Event.SerializeToString,
    )
    service = "frontdesk.gateway.v1.ConversationService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Converse": converse}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


MULAW = conversation_pb2.ConverseConfig(encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8000)
