"""A call's requests, checked at the edge and brought into the domain's types."""

import re
import uuid
from datetime import timedelta
from typing import Any

from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2
from google.protobuf.duration_pb2 import Duration

from gateway.call.coding import AudioCoding
from gateway.call.types import CallConfig, CallInput, HungUp, PlaybackReport, Pressed, Shown, Typed
from gateway.turn.hearing import CustomerAudio, StreamFormat
from gateway.turn.turn_taking import TurnTaking
from gateway.turn.types import AudioEncoding, SpeechEncoding, SpeechFormat
from gateway.validation import InputLimits, image_input, language, turn_text, valid_id, voice_request
from services.serving.errors import InvalidArgument, ResourceExhausted

_ENCODINGS = {
    asr_pb2.AUDIO_ENCODING_LINEAR16: AudioEncoding.LINEAR16,
    asr_pb2.AUDIO_ENCODING_MULAW: AudioEncoding.MULAW,
    asr_pb2.AUDIO_ENCODING_ALAW: AudioEncoding.ALAW,
    asr_pb2.AUDIO_ENCODING_OPUS: AudioEncoding.OPUS,
}
_RATES = (8_000, 16_000, 24_000, 48_000)
_OPUS_RATE = 48_000
_MOST_SECONDS = 2.0
_KEYS = re.compile(r"[0-9*#A-D]{1,32}")


def call_config(config: conversation_pb2.ConverseConfig, tenant: str, domain: str) -> CallConfig:
    """Return how the call is to be held. InvalidArgument names the field that is wrong."""
    encoding = _ENCODINGS.get(config.encoding)
    if encoding is None:
        raise InvalidArgument(
            "ENCODING_INVALID",
            "a call's audio is LINEAR16, MULAW, ALAW or OPUS: name its encoding",
            field="config.encoding",
        )
    rate = config.sample_rate_hertz
    if encoding is AudioEncoding.OPUS:
        rate = rate or _OPUS_RATE
    if rate not in _RATES or (encoding is AudioEncoding.OPUS and rate != _OPUS_RATE):
        raise InvalidArgument(
            "SAMPLE_RATE_INVALID",
            f"a call's audio has 8000, 16000, 24000 or 48000 Hz, and 48000 with OPUS, not {rate}",
            field="config.sample_rate_hertz",
        )
    session_id = config.session_id
    return CallConfig(
        tenant=tenant,
        domain=domain,
        session_id=valid_id(session_id, "config.session_id") if session_id else f"s-{uuid.uuid4().hex}",
        stream_format=StreamFormat(encoding, rate, language(config.language_code, "config.language_code")),
        speech=voice_request(config.voice, SpeechFormat(SpeechEncoding(encoding), rate), "config.voice"),
        turn_taking=_turn_taking(config.turn_taking),
    )


class CallInputs:
    """Checks the messages behind the config."""

    def __init__(self, config: CallConfig, limits: InputLimits) -> None:
        stream = config.stream_format
        self._coding = AudioCoding(stream.encoding, stream.sample_rate_hertz)
        self._limits = limits

    def read(self, request: conversation_pb2.ConverseRequest) -> CallInput:
        """Return what the message carries.

        InvalidArgument for what can never be, ResourceExhausted above a limit.
        """
        match request.WhichOneof("request"):
            case "audio":
                return CustomerAudio(self._audio(request.audio))
            case "text":
                return Typed(self._text(request.text))
            case "image":
                return Shown(image_input(request.image.content, "image.content", self._limits))
            case "dtmf":
                return Pressed(_keys(request.dtmf.digits))
            case "playback":
                return _playback(request.playback)
            case "hang_up":
                return HungUp()
            case "config":
                raise InvalidArgument(
                    "CONFIG_REPEATED", "a call has one config, its first message", field="config"
                )
        raise InvalidArgument("REQUEST_EMPTY", "the message carries nothing: leave it out", field="request")

    def _audio(self, audio: bytes) -> bytes:
        if not audio:
            raise InvalidArgument("AUDIO_EMPTY", "audio is empty: send silence as samples", field="audio")
        if self._coding.encoding is AudioEncoding.LINEAR16 and len(audio) % 2:
            raise InvalidArgument(
                "AUDIO_TRUNCATED",
                "audio ends within a sample: LINEAR16 has an even number of bytes",
                field="audio",
            )
        seconds = self._coding.seconds(audio)
        if seconds == 0:
            raise InvalidArgument("AUDIO_UNDECODABLE", "audio is no Opus packet", field="audio")
        if seconds > _MOST_SECONDS:
            raise ResourceExhausted(
                "AUDIO_TOO_LONG",
                f"one message has at most {_MOST_SECONDS:g} s of audio: send 20 ms as they are spoken",
                field="audio",
                metadata={"limit_seconds": f"{_MOST_SECONDS:g}"},
            )
        return audio

    def _text(self, text: str) -> str:
        if not text.strip():
            raise InvalidArgument("TEXT_EMPTY", "text is empty: leave it out", field="text")
        return turn_text(text, self._limits)


def _turn_taking(config: conversation_pb2.TurnTakingConfig) -> TurnTaking:
    chosen: dict[str, Any] = {"uninterruptible": config.uninterruptible}
    for descriptor, value in config.ListFields():
        if isinstance(value, Duration):
            chosen[descriptor.name] = _timedelta(value, f"config.turn_taking.{descriptor.name}")
    try:
        return TurnTaking(**chosen)
    except ValueError as error:
        raise InvalidArgument("TURN_TAKING_INVALID", str(error), field="config.turn_taking") from error


def _timedelta(duration: Duration, field: str) -> timedelta:
    try:
        return duration.ToTimedelta()
    except (OverflowError, ValueError) as error:
        raise InvalidArgument("DURATION_INVALID", f"{field} is no duration", field=field) from error


def _keys(digits: str) -> str:
    if not _KEYS.fullmatch(digits):
        raise InvalidArgument("DTMF_INVALID", "dtmf has 1 to 32 digits of 0-9 * # A-D", field="dtmf.digits")
    return digits


def _playback(playback: conversation_pb2.PlaybackPosition) -> PlaybackReport:
    turn_id = valid_id(playback.turn_id, "playback.turn_id")
    position = _timedelta(playback.position, "playback.position")
    if position.total_seconds() < 0:
        raise InvalidArgument("DURATION_INVALID", "a position is not below 0", field="playback.position")
    return PlaybackReport(turn_id, position)
