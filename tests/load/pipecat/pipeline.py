"""A plain Pipecat pipeline: Silero, faster-whisper, a known answer, hibari; everything in its process.

It is what Pipecat's own examples make of these parts. In its favour: the answer's words are there at once,
with nothing understood or looked up, and the turn is over with the voice activity's stop as soon as Whisper
has written it down.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from hibari import Hibari
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transcriptions.language import Language
from pipecat.transports.base_transport import BaseTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_processor import UserTurnProcessor
from pipecat.turns.user_turn_strategies import UserTurnStrategies


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """What the pipeline is measured with; the report repeats it."""

    vad_confidence: float = 0.5
    """Frontdesk's own threshold of the same model."""
    vad_start_secs: float = 0.2
    """Pipecat's default."""
    vad_stop_secs: float = 0.3
    vad_min_volume: float = 0.0
    """The model alone decides, as in Frontdesk."""
    user_speech_timeout: float = 0.0
    """Nothing is waited for on top of ``vad_stop_secs``."""
    compute_type: str = "int8"


class SharedWhisper(WhisperSTTService):
    """Pipecat's Whisper with a model that calls share."""

    def __init__(self, model: WhisperModel) -> None:
        self._shared = model
        super().__init__(settings=WhisperSTTService.Settings(model="tiny.en", language=Language.EN))

    def _load(self) -> None:
        self._model = self._shared


class HibariSpeech(TTSService):
    """hibari as a Pipecat service: a sentence's audio as soon as the sentence is made."""

    def __init__(self, engine: Hibari) -> None:
        settings = TTSSettings(model="hibari", voice="heart", language=Language.EN)
        super().__init__(push_start_frame=True, push_stop_frames=True, settings=settings)
        self._engine = engine

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        sentences: Iterator[Any] = self._engine.stream(text)
        while (samples := await asyncio.to_thread(next, sentences, None)) is not None:
            audio = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
            yield TTSAudioRawFrame(audio, self._engine.sample_rate, 1, context_id=context_id)


class KnownAnswer(FrameProcessor):
    """Stands where a language model would: gives the answer's words when the customer's turn is over."""

    def __init__(self, answer: str, now: Any) -> None:
        super().__init__()
        self._answer, self._now = answer, now
        self.transcripts: list[tuple[float, str]] = []
        self.turn_ends: list[float] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            self.transcripts.append((self._now(), frame.text.strip()))
        elif isinstance(frame, UserStoppedSpeakingFrame) and direction == FrameDirection.DOWNSTREAM:
            self.turn_ends.append(self._now())
            await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(LLMTextFrame(self._answer))
            await self.push_frame(LLMFullResponseEndFrame())


def build(
    transport: BaseTransport,
    answer: KnownAnswer,
    whisper: WhisperModel,
    speech: Hibari,
    settings: BaselineSettings,
) -> Pipeline:
    """The pipeline of one call."""
    vad = VADParams(
        confidence=settings.vad_confidence,
        start_secs=settings.vad_start_secs,
        stop_secs=settings.vad_stop_secs,
        min_volume=settings.vad_min_volume,
    )
    stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=settings.user_speech_timeout)
    return Pipeline(
        [
            transport.input(),
            VADProcessor(vad_analyzer=SileroVADAnalyzer(params=vad)),
            SharedWhisper(whisper),
            UserTurnProcessor(user_turn_strategies=UserTurnStrategies(stop=[stop])),
            answer,
            HibariSpeech(speech),
            transport.output(),
        ]
    )
