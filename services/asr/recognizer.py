"""A whole recording → its words: has a piece transcribed wherever somebody speaks. Pure."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from services.asr.acoustic import AcousticFeatures, acoustic_features
from services.asr.model import SAMPLE_RATE
from services.asr.speech import Span, SpeechRules, around, find_speech, pieces
from services.asr.transcriber import Transcriber, Transcription, Word
from services.inference.port import InferenceClient
from services.serving.errors import DeadlineExceeded, FrontdeskError

FEATURES_GRACE_SECONDS: Final = 0.5
"""How long words that are there wait for acoustic features, which take a tenth of their time."""

_log = structlog.stdlib.get_logger("frontdesk.asr")


@dataclass(frozen=True, slots=True)
class Recognition:
    """``language`` is "en", "zh", or "" when nobody speaks and none was named; ``model`` as "asr_en@1".

    ``features`` are None unless asked for, when nobody speaks, and when the acoustic model fails.
    """

    transcript: str
    language: str
    language_confidence: float
    words: tuple[Word, ...]
    model: str
    features: AcousticFeatures | None = None

    @property
    def confidence(self) -> float:
        """Mean of the words' confidence; 0 without words."""
        return float(np.mean([word.confidence for word in self.words])) if self.words else 0.0


class VoiceActivity(Protocol):
    """Probability of speech for every frame of mono 16 kHz samples."""

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """One probability a frame of ``vad.FRAME_SAMPLES``, the last one padded."""
        ...


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Finds speech, has each piece of it transcribed, and puts the words together."""

    inference: InferenceClient
    voice_activity: VoiceActivity
    frame_seconds: float
    transcriber: Transcriber
    speech: SpeechRules = field(default_factory=SpeechRules)

    async def recognize(
        self,
        samples: NDArray[np.float32],
        *,
        language: str,
        with_features: bool = False,
        timeout_seconds: float,
    ) -> Recognition:
        """Recognize mono 16 kHz samples (-1 to 1); ``language`` is "en", "zh" or "" (detected).

        ``with_features`` asks for acoustic features too, which are made at the same time. Words never
        fail or wait long because of them.

        Raises:
            Unavailable, DeadlineExceeded: from the model, or when ``timeout_seconds`` are over.
        """
        deadline = time.monotonic() + timeout_seconds
        probabilities = await asyncio.to_thread(self.voice_activity, samples)
        groups = pieces(find_speech(probabilities, self.frame_seconds, self.speech), self.speech)
        if not groups or not with_features:
            return await self._words(samples, groups, language, deadline)
        features = asyncio.create_task(self._features(samples, deadline))
        try:
            recognition = await self._words(samples, groups, language, deadline)
            if not recognition.words:
                return recognition
            # Half of what remains is left to the answer's way.
            patience = min(FEATURES_GRACE_SECONDS, max(0.0, deadline - time.monotonic()) / 2)
            if not (await asyncio.wait([features], timeout=patience))[0]:
                _log.warning("no acoustic features", reason="ACOUSTIC_MODEL_LATE")
                return recognition
            return replace(recognition, features=features.result())
        finally:
            features.cancel()

    async def _features(self, samples: NDArray[np.float32], deadline: float) -> AcousticFeatures | None:
        """None, and a warning, when the model fails."""
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return None  # and no words, which say so
        try:
            return await acoustic_features(self.inference, samples, timeout_seconds=remaining)
        except FrontdeskError as error:
            _log.warning("no acoustic features", reason=error.reason)
            return None

    async def _words(
        self,
        samples: NDArray[np.float32],
        groups: Sequence[Sequence[Span]],
        language: str,
        deadline: float,
    ) -> Recognition:
        """The words of all pieces, put together."""
        seconds = len(samples) / SAMPLE_RATE
        nobody = Recognition("", language, 1.0 if language else 0.0, (), "")
        # The longest piece first: it shows the language best, and one language is assumed for the whole.
        order = sorted(range(len(groups)), key=lambda i: groups[i][0].begin - groups[i][-1].end)
        heard: dict[int, Transcription] = {}
        for index in order:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise DeadlineExceeded("DEADLINE_EXCEEDED", "the deadline passed before all speech was heard")
            piece = await self._hear(samples, groups[index], language or _language(heard), seconds, remaining)
            if piece is not None:
                heard[index] = piece
        if not heard:
            return nobody
        first = heard[next(index for index in order if index in heard)]
        parts = [heard[index] for index in sorted(heard)]
        return Recognition(
            transcript=("" if first.language == "zh" else " ").join(part.transcript for part in parts),
            language=first.language,
            language_confidence=1.0 if language else first.language_confidence,
            words=tuple(word for part in parts for word in part.words),
            model=first.model,
        )

    async def _hear(
        self,
        samples: NDArray[np.float32],
        group: Sequence[Span],
        language: str,
        seconds: float,
        timeout_seconds: float,
    ) -> Transcription | None:
        """The words of one piece; None when they are not to be believed."""
        whole = around(group, seconds, self.speech)
        begin = round(whole.begin * SAMPLE_RATE)
        return await self.transcriber.transcribe(
            samples[begin : round(whole.end * SAMPLE_RATE)],
            begin=begin / SAMPLE_RATE,
            spans=group,
            language=language,
            timeout_seconds=timeout_seconds,
        )


def _language(heard: dict[int, Transcription]) -> str:
    """The language of the first piece that was heard, which is the longest."""
    return next((piece.language for piece in heard.values()), "")
