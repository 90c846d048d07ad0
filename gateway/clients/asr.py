"""Speech to text over gRPC."""

import grpc
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc

from gateway.clients.features import acoustic_from_wire
from gateway.clients.fields import with_fields
from gateway.turn.features import Heard
from gateway.turn.types import AudioInput, Transcript
from gateway.wire import word_from_wire
from services.serving.calls import as_domain_error, call_metadata

SERVICE = "frontdesk.asr.v1.AsrService"


class AsrClient:
    """A ``Recognizer`` that calls ``AsrService``."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = asr_pb2_grpc.AsrServiceStub(channel)

    async def recognize(
        self, audio: AudioInput, *, include_acoustic_features: bool, timeout_seconds: float
    ) -> Heard:
        """Hear one utterance."""
        encoding = f"AUDIO_ENCODING_{audio.encoding or 'UNSPECIFIED'}"
        request = asr_pb2.RecognizeRequest(
            config=asr_pb2.RecognitionConfig(
                encoding=asr_pb2.AudioEncoding.Value(encoding),
                sample_rate_hertz=audio.sample_rate_hertz,
                audio_channel_count=audio.channel_count,
                language_code=audio.language_code,
                include_acoustic_features=include_acoustic_features,
            ),
            audio=audio.content,
        )
        try:
            response = await self._stub.Recognize(request, timeout=timeout_seconds, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise with_fields(as_domain_error(error, "asr"), _field) from error
        transcript = Transcript(
            response.transcript,
            response.language_code,
            response.confidence,
            tuple(word_from_wire(word) for word in response.words),
        )
        known = response.HasField("acoustic_features")
        return Heard(transcript, acoustic_from_wire(response.acoustic_features) if known else None)


def _field(field: str) -> str:
    return "audio.content" if field == "audio" else f"audio.{field}"
