"""``TtsService`` on the wire."""

import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from services.serving.deadlines import remaining_seconds
from services.serving.errors import InvalidArgument, ResourceExhausted
from services.serving.identity import current_caller
from services.tts import opus
from services.tts.encoding import SAMPLE_RATES, AudioEncoder, AudioFormat, Encoding, Piece, wav_header
from services.tts.model import SAMPLE_RATE
from services.tts.normalize import codes
from services.tts.synthesizer import Style, Synthesizer
from services.tts.voices import Catalogue, language_of

_ENCODINGS = {
    tts_pb2.OUTPUT_ENCODING_UNSPECIFIED: Encoding.LINEAR16,
    tts_pb2.OUTPUT_ENCODING_LINEAR16: Encoding.LINEAR16,
    tts_pb2.OUTPUT_ENCODING_MULAW: Encoding.MULAW,
    tts_pb2.OUTPUT_ENCODING_ALAW: Encoding.ALAW,
    tts_pb2.OUTPUT_ENCODING_WAV: Encoding.WAV,
    tts_pb2.OUTPUT_ENCODING_OPUS: Encoding.OPUS,
}
_NAMES = {
    encoding: name for name, encoding in _ENCODINGS.items() if name != tts_pb2.OUTPUT_ENCODING_UNSPECIFIED
}
_LANGUAGES = {"en": "en", "zh": "zh", "cmn": "zh"}


class TtsServicer(tts_pb2_grpc.TtsServiceServicer):
    """Validates, converts and encodes. ``max_text_characters`` bounds a request and a whole stream."""

    def __init__(self, synthesizer: Synthesizer, catalogue: Catalogue, *, max_text_characters: int) -> None:
        self._synthesizer = synthesizer
        self._catalogue = catalogue
        self._max_text_characters = max_text_characters

    async def Synthesize(  # noqa: N802 (the RPC's name)
        self,
        request: tts_pb2.SynthesizeRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> tts_pb2.SynthesizeResponse:
        """Speak a text and return the audio whole."""
        audio_format = _format(request.format)
        if audio_format.encoding is Encoding.OPUS:
            raise InvalidArgument(
                "ENCODING_NEEDS_STREAM",
                "Opus is given packet by packet: call StreamingSynthesize, or name another encoding",
                field="format.encoding",
            )
        style = self._style(request.voice, request.text)
        self._check_length(len(request.text))
        if not codes.has_speech(request.text):
            raise _nothing_to_say()
        encoder = AudioEncoder(audio_format, header=False)
        audio = bytearray()
        speech = self._synthesizer.speak(
            _whole(request.text),
            style,
            tenant=current_caller().tenant,
            timeout_seconds=remaining_seconds(context),
        )
        async with aclosing(speech):
            async for samples in speech:
                for piece in encoder.encode(samples):
                    audio += piece.audio
        for piece in encoder.finish():
            audio += piece.audio
        if not encoder.samples:
            raise _nothing_to_say()
        if audio_format.encoding is Encoding.WAV:
            audio[:0] = wav_header(audio_format.sample_rate, len(audio))
        return tts_pb2.SynthesizeResponse(
            audio=bytes(audio),
            format=_wire_format(audio_format),
            voice=style.voice.name,
            audio_duration=_duration(encoder.samples / audio_format.sample_rate),
        )

    async def StreamingSynthesize(  # noqa: N802 (the RPC's name)
        self,
        request_iterator: AsyncIterator[tts_pb2.StreamingSynthesizeRequest],
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> AsyncIterator[tts_pb2.StreamingSynthesizeResponse]:
        """Speak text while it is being written."""
        config = await _config(request_iterator)
        audio_format = _format(config.format)
        self._style(config.voice, "")  # what cannot be done is said before any text comes
        pieces = self._pieces(request_iterator)
        # The language of the first text decides about the voice, so that text is read first.
        beginning = ""
        async for text in pieces:
            beginning += text
            if any(character.isalpha() for character in beginning):
                break
        style = self._style(config.voice, beginning)
        encoder = AudioEncoder(audio_format)
        speech = self._synthesizer.speak(
            _after(beginning, pieces),
            style,
            tenant=current_caller().tenant,
            timeout_seconds=remaining_seconds(context),
        )
        first, spoken = True, False
        async with aclosing(speech):
            async for samples in speech:
                spoken = True
                for piece in encoder.encode(samples):
                    yield _response(piece, audio_format, first)
                    first = False
        if not spoken:
            raise _nothing_to_say()
        for piece in encoder.finish():
            yield _response(piece, audio_format, first)
            first = False

    async def ListVoices(  # noqa: N802 (the RPC's name)
        self,
        request: tts_pb2.ListVoicesRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> tts_pb2.ListVoicesResponse:
        """List the voices that are installed."""
        language = _language(request.language_code, "language_code")
        return tts_pb2.ListVoicesResponse(
            voices=[
                tts_pb2.Voice(
                    name=voice.name,
                    language_code=voice.language,
                    natural_sample_rate_hertz=voice.sample_rate,
                    default=voice.default,
                )
                for voice in self._catalogue.of_language(language)
            ]
        )

    def _style(self, config: tts_pb2.VoiceConfig, text: str) -> Style:
        language = _language(config.language_code, "voice.language_code")
        voice = self._catalogue.choose(config.voice, language, language_of(text))
        speed = config.speaking_rate or 1.0
        if not 0.5 <= speed <= 2.0:  # also refuses NaN
            raise InvalidArgument(
                "SPEAKING_RATE_OUT_OF_RANGE",
                "speaking_rate is not between 0.5 and 2.0: leave it out for the voice's own pace",
                field="voice.speaking_rate",
            )
        return Style(voice, speed)

    def _check_length(self, characters: int) -> None:
        if characters > self._max_text_characters:
            raise ResourceExhausted(
                "TEXT_TOO_LONG",
                f"the text has more than {self._max_text_characters} characters: send it in several requests",
                field="text",
                metadata={"max_text_characters": str(self._max_text_characters)},
            )

    async def _pieces(
        self, requests: AsyncIterator[tts_pb2.StreamingSynthesizeRequest]
    ) -> AsyncIterator[str]:
        characters = 0
        async for request in requests:
            if request.WhichOneof("request") != "text":
                raise InvalidArgument(
                    "TEXT_EXPECTED", "after the config, each message carries a piece of text", field="text"
                )
            characters += len(request.text)
            self._check_length(characters)
            yield request.text


async def _config(
    requests: AsyncIterator[tts_pb2.StreamingSynthesizeRequest],
) -> tts_pb2.StreamingSynthesisConfig:
    async for request in requests:
        if request.WhichOneof("request") == "config":
            return request.config
        break
    raise InvalidArgument("CONFIG_EXPECTED", "a stream begins with its config: send it first", field="config")


async def _whole(text: str) -> AsyncIterator[str]:
    yield text + "\n"  # nothing follows, so that no sentence waits for what does


async def _after(beginning: str, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    yield beginning
    async for piece in pieces:
        yield piece


def _format(wanted: tts_pb2.OutputFormat) -> AudioFormat:
    encoding = _ENCODINGS.get(wanted.encoding)
    if encoding is None:
        raise InvalidArgument(
            "ENCODING_UNKNOWN", f"{int(wanted.encoding)} is no audio encoding", field="format.encoding"
        )
    if encoding is Encoding.OPUS and wanted.sample_rate_hertz not in (0, opus.SAMPLE_RATE):
        raise InvalidArgument(
            "SAMPLE_RATE_UNSUPPORTED",
            f"Opus has {opus.SAMPLE_RATE} samples a second: name that, or leave sample_rate_hertz out",
            field="format.sample_rate_hertz",
        )
    rate = wanted.sample_rate_hertz or (opus.SAMPLE_RATE if encoding is Encoding.OPUS else SAMPLE_RATE)
    if rate not in SAMPLE_RATES:
        raise InvalidArgument(
            "SAMPLE_RATE_UNSUPPORTED",
            f"sample_rate_hertz is none of {', '.join(map(str, SAMPLE_RATES))}",
            field="format.sample_rate_hertz",
        )
    return AudioFormat(encoding, rate)


def _wire_format(audio_format: AudioFormat) -> tts_pb2.OutputFormat:
    return tts_pb2.OutputFormat(
        encoding=_NAMES[audio_format.encoding], sample_rate_hertz=audio_format.sample_rate
    )


def _response(piece: Piece, audio_format: AudioFormat, first: bool) -> tts_pb2.StreamingSynthesizeResponse:
    return tts_pb2.StreamingSynthesizeResponse(
        audio=piece.audio,
        format=_wire_format(audio_format) if first else None,
        start_offset=_duration(piece.start / audio_format.sample_rate),
    )


def _language(tag: str, field: str) -> str | None:
    """ "en" or "zh" of a BCP-47 tag, None when it is empty."""
    if not tag:
        return None
    language = _LANGUAGES.get(tag.replace("_", "-").split("-")[0].lower())
    if language is None:
        raise InvalidArgument(
            "LANGUAGE_UNKNOWN",
            "language_code is not one that is spoken: name en, zh or cmn (with any region), or leave it out",
            field=field,
        )
    return language


def _nothing_to_say() -> InvalidArgument:
    return InvalidArgument(
        "TEXT_EMPTY",
        "the text has nothing that can be spoken: send at least one word or number",
        field="text",
    )


def _duration(seconds: float) -> Duration:
    nanos = max(0, math.floor(seconds * 1e9))
    return Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)
