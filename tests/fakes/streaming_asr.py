"""``StreamingRecognize`` by the fake that hears frames which say what is spoken in them."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc

from gateway.turn.hearing import (
    CustomerAudio,
    EndUtterance,
    FinalHeard,
    Heard,
    HearingInput,
    PartialHeard,
    PlayedAudio,
    StreamFormat,
    UtteranceStarted,
    VoiceEvidence,
)
from gateway.turn.types import AudioEncoding
from gateway.wire import duration_to_wire
from tests.fakes.live_recognizer import FakeLiveRecognizer

Response = asr_pb2.StreamingRecognizeResponse


class FakeStreamingAsr(asr_pb2_grpc.AsrServiceServicer):
    """The streaming half of ``AsrService``; ``listening`` are the configs that came."""

    def __init__(self) -> None:
        self.ear = FakeLiveRecognizer()
        self.listening: list[asr_pb2.StreamingRecognitionConfig] = []

    async def StreamingRecognize(self, requests: Any, context: Any) -> AsyncIterator[Response]:  # noqa: N802
        config = (await anext(requests)).config
        self.listening.append(config)
        heard = self.ear.listen(
            _inputs(requests),
            StreamFormat(AudioEncoding.MULAW, config.sample_rate_hertz),
            include_acoustic_features=config.include_acoustic_features,
        )
        async with aclosing(heard) as events:
            async for event in events:
                yield _response(event)


async def _inputs(requests: Any) -> AsyncIterator[HearingInput]:
    async for request in requests:
        match request.WhichOneof("request"):
            case "audio":
                yield CustomerAudio(request.audio)
            case "played_audio":
                yield PlayedAudio(request.played_audio)
            case "end_utterance":
                yield EndUtterance()


def _response(event: Heard) -> Response:
    match event:
        case UtteranceStarted():
            started = asr_pb2.UtteranceStarted(start_offset=duration_to_wire(event.start))
            return Response(utterance_started=started)
        case PartialHeard():
            return Response(
                partial=asr_pb2.PartialResult(
                    transcript=event.text,
                    stable_word_count=event.stable_word_count,
                    words=[asr_pb2.WordInfo(word=word) for word in event.text.split()],
                    end_offset=duration_to_wire(event.end),
                    settled=event.settled,
                    language_code=event.language_code,
                )
            )
        case VoiceEvidence():
            return Response(
                evidence=asr_pb2.VoiceEvidence(
                    end_offset=duration_to_wire(event.end),
                    speaking=event.speaking,
                    voiced=duration_to_wire(event.voiced),
                    silence=duration_to_wire(event.silence),
                    end_of_turn_probability=event.end_of_turn_probability,
                )
            )
        case FinalHeard():
            final = event.transcript
            acoustic = asr_pb2.AcousticFeatures(frames=[0.5, 0.25], width=2, model="acoustic@1")
            return Response(
                final=asr_pb2.FinalResult(
                    transcript=final.text,
                    language_code=final.language_code,
                    confidence=final.confidence,
                    words=[
                        asr_pb2.WordInfo(
                            word=word.text,
                            start_offset=duration_to_wire(word.start),
                            end_offset=duration_to_wire(word.end),
                            confidence=word.confidence,
                        )
                        for word in final.words
                    ],
                    start_offset=duration_to_wire(event.start),
                    end_offset=duration_to_wire(event.end),
                    acoustic_features=acoustic if event.acoustic else None,
                )
            )
