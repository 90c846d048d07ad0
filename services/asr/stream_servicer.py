"""``AsrService/StreamingRecognize``: requests → what goes into a live stream, events → responses."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from frontdesk.asr.v1 import asr_pb2

from services.asr.listening import (
    Audio,
    EndUtterance,
    Event,
    Evidence,
    FinalWords,
    Input,
    Partial,
    Played,
    Started,
    Wishes,
)
from services.asr.live import LiveHearing
from services.asr.stream_audio import StreamDecoder
from services.asr.wire import duration, encoding_of, language_of, wire_features, wire_words
from services.serving.errors import InvalidArgument

LEAST_END_SILENCE: Final = 0.1
MOST_END_SILENCE: Final = 5.0


async def respond(
    hearing: LiveHearing, requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest]
) -> AsyncGenerator[asr_pb2.StreamingRecognizeResponse]:
    """Yield the responses of one stream.

    Raises:
        InvalidArgument: CONFIG_EXPECTED, AUDIO_EXPECTED, END_SILENCE_INVALID,
            ENCODING_UNKNOWN, LANGUAGE_UNKNOWN, and what ``StreamDecoder`` raises.
        ResourceExhausted, Unavailable, DeadlineExceeded: see ``LiveHearing.hear``.
    """
    config = await _config(requests)
    wishes = _wishes(config)
    encoding, rate = encoding_of(config.encoding), config.sample_rate_hertz
    audio = StreamDecoder(encoding, rate, config.audio_channel_count)
    played = StreamDecoder(encoding, rate, 1)
    async with aclosing(hearing.hear(_inputs(requests, audio, played), wishes)) as events:
        async for event in events:
            yield _response(event)


async def _config(
    requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest],
) -> asr_pb2.StreamingRecognitionConfig:
    async for request in requests:
        if request.WhichOneof("request") != "config":
            break
        return request.config
    raise InvalidArgument("CONFIG_EXPECTED", "a stream begins with its config: send it first", field="config")


def _wishes(config: asr_pb2.StreamingRecognitionConfig) -> Wishes:
    end_silence: float | None = Wishes().end_silence
    if config.HasField("end_silence"):
        end_silence = config.end_silence.seconds + config.end_silence.nanos / 1e9
        if not LEAST_END_SILENCE <= end_silence <= MOST_END_SILENCE:
            raise InvalidArgument(
                "END_SILENCE_INVALID",
                f"end_silence is {end_silence:g} s: set {LEAST_END_SILENCE:g} to {MOST_END_SILENCE:g} s",
                field="config.end_silence",
            )
    return Wishes(
        language=language_of(config.language_code),
        with_features=config.include_acoustic_features,
        end_silence=None if config.client_ends_utterances else end_silence,
    )


async def _inputs(
    requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest], audio: StreamDecoder, played: StreamDecoder
) -> AsyncIterator[Input]:
    async for request in requests:
        match request.WhichOneof("request"):
            case "audio":
                yield Audio(audio.decode(request.audio))
            case "played_audio":
                yield Played(played.decode(request.played_audio))
            case "end_utterance":
                yield EndUtterance()
            case _:
                raise InvalidArgument(
                    "AUDIO_EXPECTED",
                    "after the config, each message carries audio, played_audio or end_utterance",
                    field="audio",
                )
    yield Audio(audio.finish())


def _response(event: Event) -> asr_pb2.StreamingRecognizeResponse:
    match event:
        case Started(start):
            started = asr_pb2.UtteranceStarted(start_offset=duration(start))
            return asr_pb2.StreamingRecognizeResponse(utterance_started=started)
        case Partial():
            partial = asr_pb2.PartialResult(
                transcript=event.transcript,
                stable_word_count=event.stable,
                words=wire_words(event.words),
                end_offset=duration(event.end),
                settled=event.settled,
                language_code=event.language,
            )
            return asr_pb2.StreamingRecognizeResponse(partial=partial)
        case Evidence():
            evidence = asr_pb2.VoiceEvidence(
                end_offset=duration(event.end),
                speaking=event.speaking,
                voiced=duration(event.voiced),
                silence=duration(event.silence),
                end_of_turn_probability=event.end_of_turn,
            )
            return asr_pb2.StreamingRecognizeResponse(evidence=evidence)
        case FinalWords():
            final = asr_pb2.FinalResult(
                transcript=event.transcript,
                language_code=event.language,
                confidence=event.confidence,
                words=wire_words(event.words),
                start_offset=duration(event.start),
                end_offset=duration(event.end),
                model=event.model,
                acoustic_features=None if event.features is None else wire_features(event.features),
            )
            return asr_pb2.StreamingRecognizeResponse(final=final)
