"""``AsrService`` on the wire."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc

from services.asr.audio import AudioDecoder, AudioFormat
from services.asr.live import LiveHearing
from services.asr.recognizer import Recognizer
from services.asr.stream_servicer import respond
from services.asr.wire import duration, encoding_of, language_of, wire_features, wire_words
from services.serving.deadlines import remaining_seconds


class AsrServicer(asr_pb2_grpc.AsrServiceServicer):
    """Converts requests, decodes recordings off the event loop, and converts what was recognized."""

    def __init__(self, decoder: AudioDecoder, recognizer: Recognizer, hearing: LiveHearing) -> None:
        self._decoder = decoder
        self._recognizer = recognizer
        self._hearing = hearing

    async def Recognize(  # noqa: N802 (the RPC's name)
        self,
        request: asr_pb2.RecognizeRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> asr_pb2.RecognizeResponse:
        """Recognize one recording."""
        language = language_of(request.config.language_code)
        audio = await asyncio.to_thread(self._decoder.decode, request.audio, _format(request.config))
        recognition = await self._recognizer.recognize(
            audio.samples,
            language=language,
            with_features=request.config.include_acoustic_features,
            timeout_seconds=remaining_seconds(context),
        )
        return asr_pb2.RecognizeResponse(
            transcript=recognition.transcript,
            language_code=recognition.language,
            language_confidence=recognition.language_confidence,
            confidence=recognition.confidence,
            words=wire_words(recognition.words),
            audio_duration=duration(audio.seconds),
            model=recognition.model,
            acoustic_features=None if recognition.features is None else wire_features(recognition.features),
        )

    async def StreamingRecognize(  # noqa: N802 (the RPC's name)
        self,
        request_iterator: AsyncIterator[asr_pb2.StreamingRecognizeRequest],
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> AsyncGenerator[asr_pb2.StreamingRecognizeResponse]:
        """Recognize speech while it is spoken."""
        async with aclosing(respond(self._hearing, request_iterator)) as responses:
            async for response in responses:
                yield response


def _format(config: asr_pb2.RecognitionConfig) -> AudioFormat:
    return AudioFormat(encoding_of(config.encoding), config.sample_rate_hertz, config.audio_channel_count)
