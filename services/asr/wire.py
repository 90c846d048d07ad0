"""What the wire's messages mean here, and the other way."""

import math
from collections.abc import Sequence

from frontdesk.asr.v1 import asr_pb2
from google.protobuf.duration_pb2 import Duration

from services.asr.acoustic import AcousticFeatures
from services.asr.audio import Encoding
from services.asr.model import ACOUSTIC_FRAME_SAMPLES, SAMPLE_RATE
from services.asr.transcriber import Word
from services.serving.errors import InvalidArgument

_ENCODINGS = {
    asr_pb2.AUDIO_ENCODING_UNSPECIFIED: Encoding.SNIFF,
    asr_pb2.AUDIO_ENCODING_LINEAR16: Encoding.LINEAR16,
    asr_pb2.AUDIO_ENCODING_MULAW: Encoding.MULAW,
    asr_pb2.AUDIO_ENCODING_ALAW: Encoding.ALAW,
    asr_pb2.AUDIO_ENCODING_WAV: Encoding.WAV,
    asr_pb2.AUDIO_ENCODING_FLAC: Encoding.FLAC,
    asr_pb2.AUDIO_ENCODING_OGG_OPUS: Encoding.OGG,
    asr_pb2.AUDIO_ENCODING_MP3: Encoding.MP3,
    asr_pb2.AUDIO_ENCODING_OPUS: Encoding.OPUS,
}
_LANGUAGES = {"en": "en", "zh": "zh", "cmn": "zh"}


def encoding_of(number: asr_pb2.AudioEncoding.ValueType) -> Encoding:
    """An ``AudioEncoding``. Raises InvalidArgument ENCODING_UNKNOWN."""
    encoding = _ENCODINGS.get(number)
    if encoding is None:
        raise InvalidArgument(
            "ENCODING_UNKNOWN", f"{int(number)} is no audio encoding", field="config.encoding"
        )
    return encoding


def language_of(tag: str) -> str:
    """ "en" or "zh" of a BCP-47 tag, "" when it is empty. Raises InvalidArgument LANGUAGE_UNKNOWN."""
    if not tag:
        return ""
    language = _LANGUAGES.get(tag.replace("_", "-").split("-")[0].lower())
    if language is None:
        raise InvalidArgument(
            "LANGUAGE_UNKNOWN",
            "language_code is not one that is heard: name en, zh or cmn (with any region), or leave it out",
            field="config.language_code",
        )
    return language


def wire_words(words: Sequence[Word]) -> list[asr_pb2.WordInfo]:
    """Words with their times."""
    return [
        asr_pb2.WordInfo(
            word=word.text,
            start_offset=duration(word.begin),
            end_offset=duration(word.end),
            confidence=word.confidence,
        )
        for word in words
    ]


def wire_features(features: AcousticFeatures) -> asr_pb2.AcousticFeatures:
    """Vectors one after the other."""
    return asr_pb2.AcousticFeatures(
        frames=features.frames.ravel().tolist(),
        width=features.frames.shape[1],
        frame_period=duration(ACOUSTIC_FRAME_SAMPLES / SAMPLE_RATE),
        model=features.model,
    )


def duration(seconds: float) -> Duration:
    """Seconds, from 0, never rounded up."""
    nanos = max(0, math.floor(seconds * 1e9))
    return Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)
