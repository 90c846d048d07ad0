"""Text to speech over gRPC."""

from collections.abc import AsyncGenerator, AsyncIterator

import grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from gateway.turn.types import AnswerAudio, SpeechRequest
from gateway.wire import format_from_wire, format_to_wire
from services.serving.calls import as_domain_error, call_metadata

SERVICE = "frontdesk.tts.v1.TtsService"
Request = tts_pb2.StreamingSynthesizeRequest


class TtsClient:
    """A ``Synthesizer`` that calls ``TtsService``."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = tts_pb2_grpc.TtsServiceStub(channel)

    async def speak(
        self, texts: AsyncIterator[str], speech: SpeechRequest, *, timeout_seconds: float
    ) -> AsyncGenerator[AnswerAudio]:
        """Speak text while it is being written."""
        call = self._stub.StreamingSynthesize(
            _requests(texts, speech), timeout=timeout_seconds, metadata=call_metadata()
        )
        audio_format = speech.format  # until the first piece tells it
        first = True
        try:
            async for response in call:
                if response.HasField("format"):
                    audio_format = format_from_wire(response.format)
                yield AnswerAudio(response.audio, audio_format if first else None)
                first = False
        except grpc.aio.AioRpcError as error:
            raise as_domain_error(error, "tts") from error
        finally:
            call.cancel()


async def _requests(texts: AsyncIterator[str], speech: SpeechRequest) -> AsyncIterator[Request]:
    config = tts_pb2.StreamingSynthesisConfig(
        voice=tts_pb2.VoiceConfig(
            language_code=speech.language_code, voice=speech.voice, speaking_rate=speech.speaking_rate
        ),
        format=format_to_wire(speech.format),
    )
    yield Request(config=config)
    async for text in texts:
        yield Request(text=text)
