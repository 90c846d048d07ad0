"""A turn's request, checked at the edge and brought into the domain's types."""

import hashlib
import math
import re
import uuid
from dataclasses import dataclass

from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.turn.types import (
    AudioEncoding,
    AudioInput,
    CustomerTurn,
    ImageInput,
    SpeechEncoding,
    SpeechFormat,
    SpeechRequest,
)
from services.serving.errors import InvalidArgument, ResourceExhausted

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE_TAG = re.compile(r"([A-Za-z]{2,3})(-[A-Za-z0-9]{1,8})*")
_LANGUAGES = {"en": "en", "eng": "en", "zh": "zh", "zho": "zh", "cmn": "zh"}
_RAW = (AudioEncoding.LINEAR16, AudioEncoding.MULAW, AudioEncoding.ALAW)
_OUTPUT_RATES = (8_000, 16_000, 24_000, 48_000)


@dataclass(frozen=True, slots=True)
class InputLimits:
    """How large a turn may be."""

    text_characters: int
    audio_bytes: int
    images: int
    image_bytes: int


def customer_turn(
    request: conversation_pb2.HandleTurnRequest, tenant: str, domain: str, limits: InputLimits
) -> CustomerTurn:
    """Return the turn that was asked for.

    InvalidArgument names the field that is wrong; ResourceExhausted the limit that
    is exceeded. A missing turn id is made at random. A missing session id is
    derived from tenant and turn id, so that a repeated first turn finds its session.
    """
    turn_id = valid_id(request.turn_id, "turn_id") if request.turn_id else uuid.uuid4().hex
    if request.session_id:
        session_id = valid_id(request.session_id, "session_id")
    else:
        session_id = "s-" + hashlib.sha256(f"{tenant}\n{turn_id}".encode()).hexdigest()[:32]
    turn = CustomerTurn(
        tenant=tenant,
        domain=domain,
        session_id=session_id,
        turn_id=turn_id,
        text=turn_text(request.text, limits),
        audio=_audio(request.audio, limits) if request.HasField("audio") else None,
        images=_images(request, limits),
        language_code=language(request.language_code, "language_code"),
        speech=_speech(request.answer_audio) if request.HasField("answer_audio") else None,
    )
    if not turn.text.strip() and turn.audio is None and not turn.images:
        raise InvalidArgument("INPUT_REQUIRED", "the turn is empty: send text, audio or images", field="text")
    return turn


def valid_id(value: str, field: str) -> str:
    """Return an id; InvalidArgument unless it has 1 to 64 characters of A-Z a-z 0-9 _ and -."""
    if not _ID.fullmatch(value):
        raise InvalidArgument(
            "ID_INVALID",
            f"{field} is not an id: use 1 to 64 characters from A-Z a-z 0-9 _ and -",
            field=field,
        )
    return value


def language(tag: str, field: str) -> str:
    """Return "en" or "zh" for a BCP-47 tag ("zh-CN", "cmn-Hans-CN"), "" for none.

    InvalidArgument for any other.
    """
    if not tag:
        return ""
    match = _LANGUAGE_TAG.fullmatch(tag)
    code = _LANGUAGES.get(match[1].lower()) if match else None
    if code is None:
        raise InvalidArgument(
            "LANGUAGE_UNKNOWN",
            f"{field} is no language known here: use en or zh, or leave it out",
            field=field,
        )
    return code


def turn_text(text: str, limits: InputLimits) -> str:
    """Return a text; ResourceExhausted when it is too long."""
    if len(text) > limits.text_characters:
        raise _too_large("TEXT_TOO_LONG", "text", len(text), limits.text_characters, "characters")
    return text


def _audio(audio: conversation_pb2.AudioInput, limits: InputLimits) -> AudioInput:
    content = audio.content  # a copy at each access
    if not content:
        raise InvalidArgument(
            "AUDIO_EMPTY", "audio is empty: send its bytes, or leave audio out", field="audio.content"
        )
    if len(content) > limits.audio_bytes:
        raise _too_large("AUDIO_TOO_LARGE", "audio.content", len(content), limits.audio_bytes, "bytes")
    config = audio.config
    encoding = None
    if config.encoding:
        if config.encoding not in asr_pb2.AudioEncoding.values():
            raise InvalidArgument(
                "ENCODING_UNKNOWN",
                "the audio's encoding is not known here: see AudioEncoding",
                field="audio.config.encoding",
            )
        name = asr_pb2.AudioEncoding.Name(config.encoding)
        encoding = AudioEncoding(name.removeprefix("AUDIO_ENCODING_"))
    rate = config.sample_rate_hertz
    if (rate or encoding in _RAW) and not 8_000 <= rate <= 48_000:
        raise InvalidArgument(
            "SAMPLE_RATE_INVALID",
            f"the sample rate is 8000 to 48000 Hz, and required for raw samples; it was {rate}",
            field="audio.config.sample_rate_hertz",
        )
    if not 0 <= config.audio_channel_count <= 8:
        raise InvalidArgument(
            "CHANNEL_COUNT_INVALID",
            f"audio has 1 to 8 channels, not {config.audio_channel_count}",
            field="audio.config.audio_channel_count",
        )
    return AudioInput(
        content=content,
        encoding=encoding,
        sample_rate_hertz=rate,
        channel_count=config.audio_channel_count,
        language_code=language(config.language_code, "audio.config.language_code"),
    )


def _images(request: conversation_pb2.HandleTurnRequest, limits: InputLimits) -> tuple[ImageInput, ...]:
    if len(request.images) > limits.images:
        raise _too_large("TOO_MANY_IMAGES", "images", len(request.images), limits.images, "pictures")
    return tuple(
        image_input(image.content, f"images[{position}].content", limits)
        for position, image in enumerate(request.images)
    )


def image_input(content: bytes, field: str, limits: InputLimits) -> ImageInput:
    """Return a picture. ResourceExhausted when it is too large, InvalidArgument when it is none."""
    if len(content) > limits.image_bytes:
        raise _too_large("IMAGE_TOO_LARGE", field, len(content), limits.image_bytes, "bytes")
    media_type = _media_type(content)
    if media_type is None:
        raise InvalidArgument(
            "IMAGE_UNSUPPORTED", f"{field} is neither JPEG nor PNG nor WebP: convert it", field=field
        )
    return ImageInput(content, media_type)


def _media_type(content: bytes) -> str | None:
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _speech(config: conversation_pb2.AnswerAudioConfig) -> SpeechRequest:
    wanted = config.format
    encoding = SpeechEncoding.LINEAR16
    if wanted.encoding:
        if wanted.encoding not in tts_pb2.OutputEncoding.values():
            raise InvalidArgument(
                "OUTPUT_ENCODING_UNKNOWN",
                "the encoding wanted is not known here: see OutputEncoding",
                field="answer_audio.format.encoding",
            )
        name = tts_pb2.OutputEncoding.Name(wanted.encoding)
        encoding = SpeechEncoding(name.removeprefix("OUTPUT_ENCODING_"))
    rate = wanted.sample_rate_hertz or SpeechFormat().sample_rate_hertz
    if rate not in _OUTPUT_RATES:
        raise InvalidArgument(
            "OUTPUT_SAMPLE_RATE_INVALID",
            f"speech is made at 8000, 16000, 24000 or 48000 Hz, not {rate}",
            field="answer_audio.format.sample_rate_hertz",
        )
    return voice_request(config.voice, SpeechFormat(encoding, rate), "answer_audio.voice")


def voice_request(voice: tts_pb2.VoiceConfig, speech_format: SpeechFormat, field: str) -> SpeechRequest:
    """Return the speech wanted of a voice. InvalidArgument names what is wrong with ``field``."""
    pace = voice.speaking_rate
    if pace and not (math.isfinite(pace) and 0.5 <= pace <= 2.0):
        raise InvalidArgument(
            "SPEAKING_RATE_INVALID", "the speaking rate is 0.5 to 2.0", field=f"{field}.speaking_rate"
        )
    if len(voice.voice) > 100:
        raise InvalidArgument(
            "VOICE_UNKNOWN", "that is no voice's name: see ListVoices", field=f"{field}.voice"
        )
    return SpeechRequest(
        speech_format, voice.voice, language(voice.language_code, f"{field}.language_code"), pace
    )


def _too_large(reason: str, field: str, size: int, limit: int, unit: str) -> ResourceExhausted:
    return ResourceExhausted(
        reason,
        f"{field} has {size} {unit}, the limit is {limit}",
        field=field,
        metadata={"limit": str(limit)},
    )
