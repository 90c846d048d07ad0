"""Speech to text while it is spoken, over gRPC."""

from collections.abc import AsyncGenerator, AsyncIterator

import grpc
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc

from gateway.clients.features import acoustic_from_wire
from gateway.clients.fields import with_fields
from gateway.turn.hearing import (
    CustomerAudio,
    FinalHeard,
    Heard,
    HearingInput,
    PartialHeard,
    PlayedAudio,
    StreamFormat,
    UtteranceStarted,
    VoiceEvidence,
)
from gateway.turn.types import Transcript
from gateway.wire import word_from_wire
from services.serving.calls import as_domain_error, call_metadata
from services.serving.errors import Unavailable

Request = asr_pb2.StreamingRecognizeRequest


class LiveAsrClient:
    """A ``LiveRecognizer`` that calls ``AsrService``; the call lasts as long as its audio."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = asr_pb2_grpc.AsrServiceStub(channel)

    async def listen(
        self,
        audio: AsyncIterator[HearingInput],
        stream_format: StreamFormat,
        *,
        include_acoustic_features: bool = False,
    ) -> AsyncGenerator[Heard]:
        """Hear until ``audio`` ends."""
        config = asr_pb2.StreamingRecognitionConfig(
            encoding=asr_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{stream_format.encoding}"),
            sample_rate_hertz=stream_format.sample_rate_hertz,
            language_code=stream_format.language_code,
            include_acoustic_features=include_acoustic_features,
            client_ends_utterances=True,
        )
        call = self._stub.StreamingRecognize(_requests(config, audio), metadata=call_metadata())
        try:
            async for response in call:
                yield _heard(response)
        except grpc.aio.AioRpcError as error:
            raise with_fields(as_domain_error(error, "asr"), _field) from error
        finally:
            call.cancel()


async def _requests(
    config: asr_pb2.StreamingRecognitionConfig, audio: AsyncIterator[HearingInput]
) -> AsyncIterator[Request]:
    yield Request(config=config)
    async for item in audio:
        match item:
            case CustomerAudio():
                yield Request(audio=item.audio)
            case PlayedAudio():
                yield Request(played_audio=item.audio)
            case _:
                yield Request(end_utterance=asr_pb2.EndUtterance())


def _heard(response: asr_pb2.StreamingRecognizeResponse) -> Heard:
    match response.WhichOneof("result"):
        case "utterance_started":
            return UtteranceStarted(response.utterance_started.start_offset.ToTimedelta())
        case "partial":
            partial = response.partial
            return PartialHeard(
                partial.transcript,
                len(partial.words),
                partial.stable_word_count,
                partial.end_offset.ToTimedelta(),
                partial.settled,
                partial.language_code,
            )
        case "evidence":
            evidence = response.evidence
            known = evidence.HasField("end_of_turn_probability")
            return VoiceEvidence(
                evidence.end_offset.ToTimedelta(),
                evidence.speaking,
                evidence.voiced.ToTimedelta(),
                evidence.silence.ToTimedelta(),
                evidence.end_of_turn_probability if known else None,
            )
        case "final":
            return _final(response.final)
    raise Unavailable(
        "ASR_UNAVAILABLE", "asr sent what this gateway does not know: run both from one release"
    )


def _final(final: asr_pb2.FinalResult) -> FinalHeard:
    transcript = Transcript(
        final.transcript,
        final.language_code,
        final.confidence,
        tuple(word_from_wire(word) for word in final.words),
    )
    return FinalHeard(
        transcript,
        final.start_offset.ToTimedelta(),
        final.end_offset.ToTimedelta(),
        acoustic_from_wire(final.acoustic_features) if final.HasField("acoustic_features") else None,
    )


def _field(field: str) -> str:
    return field.removeprefix("config.")
