"""``AsrService`` on the wire."""

import asyncio
import math
from typing import Any

import grpc
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from services.asr.acoustic import AcousticFeatures
from services.asr.audio import AudioDecoder, AudioFormat, Encoding
from services.asr.model import ACOUSTIC_FRAME_SAMPLES, SAMPLE_RATE
from services.asr.recognizer import Recognizer
from services.serving.deadlines import remaining_seconds
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


class AsrServicer(asr_pb2_grpc.AsrServiceServicer):
    """Converts requests, decodes off the event loop, and converts what was recognized."""

    def __init__(self, decoder: AudioDecoder, recognizer: Recognizer) -> None:
        self._decoder = decoder
        self._recognizer = recognizer

    async def Recognize(  # noqa: N802 (the RPC's name)
        self,
        request: asr_pb2.RecognizeRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> asr_pb2.RecognizeResponse:
        """Recognize one recording."""
        language = _language(request.config.language_code)
        audio = await asyncio.to_thread(self._decoder.decode, request.audio, _format(request.config))
        recognition = await self._recognizer.recognize(
            audio.samples,
            language=language,
            with_features=request.config.include_acoustic_features,
            timeout_seconds=remaining_seconds(context),
        )
        return asr_pb2.RecognizeResponse(
            transcript=recognition.transcript,
            language_code=recognition.language,
            language_confidence=recognition.language_confidence,
            confidence=recognition.confidence,
            words=[
                asr_pb2.WordInfo(
                    word=word.text,
                    start_offset=_duration(word.begin),
                    end_offset=_duration(word.end),
                    confidence=word.confidence,
                )
                for word in recognition.words
            ],
            audio_duration=_duration(audio.seconds),
            model=recognition.model,
            acoustic_features=None if recognition.features is None else _features(recognition.features),
        )


def _format(config: asr_pb2.RecognitionConfig) -> AudioFormat:
    encoding = _ENCODINGS.get(config.encoding)
    if encoding is None:
        raise InvalidArgument(
            "ENCODING_UNKNOWN", f"{int(config.encoding)} is no audio encoding", field="config.encoding"
        )
    return AudioFormat(encoding, config.sample_rate_hertz, config.audio_channel_count)


def _language(tag: str) -> str:
    """ "en" or "zh" of a BCP-47 tag, "" when it is empty."""
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


def _features(features: AcousticFeatures) -> asr_pb2.AcousticFeatures:
    return asr_pb2.AcousticFeatures(
        frames=features.frames.ravel().tolist(),
        width=features.frames.shape[1],
        frame_period=_duration(ACOUSTIC_FRAME_SAMPLES / SAMPLE_RATE),
        model=features.model,
    )


def _duration(seconds: float) -> Duration:
    nanos = max(0, math.floor(seconds * 1e9))
    return Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)
