"""Bad input against the whole suite: a clear status within a second, and the next good request works."""

import io
import struct
import time
import uuid
import wave

import numpy as np
import pytest
import soundfile
from frontdesk.gateway.v1 import conversation_pb2

from gateway.client import FrontdeskApiError, FrontdeskClient

pytestmark = pytest.mark.integration

BAD = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"}


def wav(samples: int = 16000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(bytes(2 * samples))
    return file.getvalue()


def nan_wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(16000, np.nan, np.float32), 16000, format="WAV", subtype="FLOAT")
    return file.getvalue()


MEDIA = {
    "no bytes": b"",
    "not audio": b"this is not audio at all, whatever it says",
    "header alone": wav()[:44],
    "header cut": wav()[:20],
    "zero samples": wav(0),
    "not numbers": nan_wav(),
    "sample rate zero": wav()[:24] + struct.pack("<I", 0) + wav()[28:],
    "too long": wav(16000 * 400),
}


@pytest.mark.parametrize("media", MEDIA.values(), ids=MEDIA.keys())
def test_lying_media_is_refused(client: FrontdeskClient, media: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(FrontdeskApiError) as refused:
        client.take_turn(audio=media)
    assert time.monotonic() - started < 1
    assert refused.value.code.name in BAD
    assert refused.value.reason
    assert client.take_turn(text="How long does standard delivery take?").decision == "ANSWER"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "INVALID_ARGUMENT"),
        ({"text": " \n"}, "INVALID_ARGUMENT"),
        ({"text": "x" * 100_000}, "RESOURCE_EXHAUSTED"),
        ({"text": "hello", "language": "tlh"}, "INVALID_ARGUMENT"),
        ({"text": "hello", "session_id": "no spaces, please"}, "INVALID_ARGUMENT"),
        ({"text": "hello", "images": [b"GIF89a no picture"]}, "INVALID_ARGUMENT"),
        ({"text": "hello", "images": [b"\xff\xd8\xff"] * 20}, "RESOURCE_EXHAUSTED"),
        ({"audio": bytes(17 * 1024 * 1024)}, "RESOURCE_EXHAUSTED"),
    ],
)
def test_bad_turns_are_refused(client: FrontdeskClient, arguments: dict[str, object], code: str) -> None:
    with pytest.raises(FrontdeskApiError) as refused:
        client.take_turn(**arguments)  # type: ignore[arg-type]
    assert refused.value.code.name == code
    assert refused.value.reason


def test_an_unknown_voice_leaves_the_answer_without_speech_and_says_why(client: FrontdeskClient) -> None:
    config = conversation_pb2.AnswerAudioConfig()
    config.voice.voice = "nobody"
    turn = client.take_turn(text="hello", answer_audio=config)
    assert turn.answer
    assert not turn.audio
    assert "voice is not installed" in turn.notices[0].message


def test_an_unknown_conversation_is_not_found(client: FrontdeskClient) -> None:
    with pytest.raises(FrontdeskApiError) as refused:
        client.get_conversation(uuid.uuid4().hex)
    assert refused.value.code.name == "NOT_FOUND"
