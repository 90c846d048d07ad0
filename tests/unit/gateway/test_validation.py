"""What of a request is refused, and how it is read otherwise."""

import math
from typing import Any, cast

import pytest
from frontdesk.asr.v1.asr_pb2 import AUDIO_ENCODING_LINEAR16, AUDIO_ENCODING_WAV, RecognitionConfig
from frontdesk.gateway.v1.conversation_pb2 import (
    AnswerAudioConfig,
    AudioInput,
    HandleTurnRequest,
    ImageInput,
)
from frontdesk.tts.v1.tts_pb2 import OUTPUT_ENCODING_MULAW, OutputFormat, VoiceConfig

from gateway.turn import types
from gateway.validation import InputLimits, customer_turn
from services.serving.errors import FrontdeskError, InvalidArgument, ResourceExhausted

LIMITS = InputLimits(text_characters=20, audio_bytes=10, images=2, image_bytes=16)
JPEG, PNG, WEBP = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x04\x00\x00\x00WEBP"


def read(**fields: Any) -> types.CustomerTurn:
    return customer_turn(HandleTurnRequest(**fields), "demo", "shop", LIMITS)


def refusal(**fields: Any) -> FrontdeskError:
    with pytest.raises(FrontdeskError) as refused:
        read(**fields)
    return refused.value


def audio(content: bytes = b"wav", **config: Any) -> AudioInput:
    return AudioInput(content=content, config=RecognitionConfig(**config))


def speech(**fields: Any) -> AnswerAudioConfig:
    return AnswerAudioConfig(**fields)


def test_a_whole_turn_is_read() -> None:
    turn = read(
        session_id="S_1-a",
        turn_id="T_1-a",
        text="订单在哪里?",
        audio=audio(
            b"raw",
            encoding=AUDIO_ENCODING_LINEAR16,
            sample_rate_hertz=8000,
            audio_channel_count=2,
            language_code="cmn-Hans-CN",
        ),
        images=[ImageInput(content=JPEG), ImageInput(content=WEBP)],
        language_code="zh-CN",
        answer_audio=speech(
            voice=VoiceConfig(voice="bella", language_code="EN-us", speaking_rate=0.5),
            format=OutputFormat(encoding=OUTPUT_ENCODING_MULAW, sample_rate_hertz=8000),
        ),
    )
    assert turn == types.CustomerTurn(
        tenant="demo",
        domain="shop",
        session_id="S_1-a",
        turn_id="T_1-a",
        text="订单在哪里?",
        audio=types.AudioInput(b"raw", types.AudioEncoding.LINEAR16, 8000, 2, "zh"),
        images=(types.ImageInput(JPEG, "image/jpeg"), types.ImageInput(WEBP, "image/webp")),
        language_code="zh",
        speech=types.SpeechRequest(types.SpeechFormat(types.SpeechEncoding.MULAW, 8000), "bella", "en", 0.5),
    )


def test_what_is_absent_has_its_default() -> None:
    turn = read(text="hello", answer_audio=speech())
    assert turn.audio is None
    assert turn.language_code == ""
    assert turn.speech == types.SpeechRequest(types.SpeechFormat(types.SpeechEncoding.LINEAR16, 24_000))
    assert read(text="hello").speech is None
    assert read(audio=audio()).audio == types.AudioInput(b"wav")


def test_missing_ids_are_made_so_that_a_repeated_first_turn_finds_its_session() -> None:
    first, second = read(text="hello"), read(text="hello")
    assert first.turn_id != second.turn_id
    assert first.session_id != second.session_id
    assert read(text="hello", turn_id="t1").session_id == read(text="hello", turn_id="t1").session_id
    other = customer_turn(HandleTurnRequest(text="hello", turn_id="t1"), "other", "shop", LIMITS)
    assert other.session_id != read(text="hello", turn_id="t1").session_id


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({}, "INPUT_REQUIRED", "text"),
        ({"text": " \n"}, "INPUT_REQUIRED", "text"),
        ({"text": "x", "session_id": "a/b"}, "ID_INVALID", "session_id"),
        ({"text": "x", "turn_id": "x" * 65}, "ID_INVALID", "turn_id"),
        ({"text": "x", "turn_id": "x\n"}, "ID_INVALID", "turn_id"),
        ({"text": "x", "language_code": "fr"}, "LANGUAGE_UNKNOWN", "language_code"),
        ({"text": "x", "language_code": "english"}, "LANGUAGE_UNKNOWN", "language_code"),
        ({"text": "x", "language_code": "en_US"}, "LANGUAGE_UNKNOWN", "language_code"),
        ({"audio": AudioInput()}, "AUDIO_EMPTY", "audio.content"),
        ({"audio": audio(encoding=99)}, "ENCODING_UNKNOWN", "audio.config.encoding"),
        (
            {"audio": audio(encoding=AUDIO_ENCODING_LINEAR16)},
            "SAMPLE_RATE_INVALID",
            "audio.config.sample_rate_hertz",
        ),
        (
            {"audio": audio(encoding=AUDIO_ENCODING_WAV, sample_rate_hertz=-1)},
            "SAMPLE_RATE_INVALID",
            "audio.config.sample_rate_hertz",
        ),
        (
            {"audio": audio(audio_channel_count=9)},
            "CHANNEL_COUNT_INVALID",
            "audio.config.audio_channel_count",
        ),
        ({"audio": audio(language_code="fr")}, "LANGUAGE_UNKNOWN", "audio.config.language_code"),
        ({"images": [ImageInput(content=PNG), ImageInput()]}, "IMAGE_UNSUPPORTED", "images[1].content"),
        ({"images": [ImageInput(content=b"GIF89a")]}, "IMAGE_UNSUPPORTED", "images[0].content"),
        (
            {"text": "x", "answer_audio": speech(format=OutputFormat(encoding=cast(Any, 77)))},
            "OUTPUT_ENCODING_UNKNOWN",
            "answer_audio.format.encoding",
        ),
        (
            {"text": "x", "answer_audio": speech(format=OutputFormat(sample_rate_hertz=44100))},
            "OUTPUT_SAMPLE_RATE_INVALID",
            "answer_audio.format.sample_rate_hertz",
        ),
        (
            {"text": "x", "answer_audio": speech(voice=VoiceConfig(voice="v" * 101))},
            "VOICE_UNKNOWN",
            "answer_audio.voice.voice",
        ),
        *(
            (
                {"text": "x", "answer_audio": speech(voice=VoiceConfig(speaking_rate=pace))},
                "SPEAKING_RATE_INVALID",
                "answer_audio.voice.speaking_rate",
            )
            for pace in (0.25, 2.5, -1.0, math.nan, math.inf)
        ),
    ],
)
def test_bad_input_is_refused_by_its_field(fields: dict[str, Any], reason: str, field: str) -> None:
    error = refusal(**fields)
    assert isinstance(error, InvalidArgument)
    assert error.reason == reason
    assert [violation.field for violation in error.violations] == [field]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "x" * 21}, "TEXT_TOO_LONG"),
        ({"audio": audio(b"x" * 11)}, "AUDIO_TOO_LARGE"),
        ({"images": [ImageInput(content=PNG)] * 3}, "TOO_MANY_IMAGES"),
        ({"images": [ImageInput(content=PNG + b"x" * 9)]}, "IMAGE_TOO_LARGE"),
    ],
)
def test_what_is_too_large_is_refused_by_its_limit(fields: dict[str, Any], reason: str) -> None:
    error = refusal(**fields)
    assert isinstance(error, ResourceExhausted)
    assert error.reason == reason


def test_what_is_just_within_the_limits_is_taken() -> None:
    turn = read(text="字" * 20, audio=audio(b"x" * 10), images=[ImageInput(content=PNG + b"x" * 8)] * 2)
    assert len(turn.images) == 2
