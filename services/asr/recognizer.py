"""Samples → words: hears only where somebody speaks, and believes only what sounds like speech. Pure."""

import asyncio
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from services.asr.acoustic import AcousticFeatures, acoustic_features
from services.asr.model import ASR_EN, ASR_MULTILINGUAL, SAMPLE_RATE, VERSION
from services.asr.speech import Span, SpeechRules, around, find_speech, pieces
from services.inference.port import InferenceClient, Tensors
from services.serving.errors import DeadlineExceeded, FrontdeskError

FEATURES_GRACE_SECONDS: Final = 0.5
"""How long words that are there wait for acoustic features, which take a tenth of their time."""

_log = structlog.stdlib.get_logger("frontdesk.asr")


@dataclass(frozen=True, slots=True)
class Word:
    """Seconds from the start of the audio; ``confidence`` from 0 to 1."""

    text: str
    begin: float
    end: float
    confidence: float


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


@dataclass(frozen=True, slots=True)
class BeliefRules:
    """When the model's words are believed. It was trained to write something whatever it hears."""

    no_speech: float = 0.8
    """With this probability that nobody speaks, words need"""
    confident: float = 0.4
    """this confidence;"""
    least_confident: float = 0.12
    """and this one in any case: on music it falls to 0.03, on speech through a telephone to 0.22."""
    compression: float = 2.4
    """Text that zlib makes smaller than one by this is a loop (Whisper's own limit)."""
    outside: float = 0.25
    """Seconds that a word may lie off from where somebody speaks."""


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
    simplify: Callable[[str], str]
    """Traditional to simplified characters."""
    speech: SpeechRules = field(default_factory=SpeechRules)
    belief: BeliefRules = field(default_factory=BeliefRules)

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
        heard: dict[int, Recognition] = {}
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
    ) -> Recognition | None:
        """The words of one piece; None when they are not to be believed."""
        spec = ASR_EN if language == "en" else ASR_MULTILINGUAL
        whole = around(group, seconds, self.speech)
        begin = round(whole.begin * SAMPLE_RATE)
        part = samples[begin : round(whole.end * SAMPLE_RATE)]
        inputs = {"samples": part, "language": np.array([language.encode()], np.object_)}
        tensors = await self.inference.infer(spec, inputs, timeout_seconds=timeout_seconds)
        if not self._believed(tensors):
            return None
        found: str = tensors["heard_language"][0].decode()
        words = _words(tensors, begin / SAMPLE_RATE, seconds)
        spoken = tuple(word for word in words if self._spoken(word, group))
        if not spoken:
            return None
        transcript = tensors["text"][0].decode() if len(spoken) == len(words) else _join(spoken, found)
        if found == "zh":
            transcript = self.simplify(transcript)
            spoken = tuple(replace(word, text=self.simplify(word.text)) for word in spoken)
        return Recognition(
            transcript=transcript,
            language=found,
            language_confidence=_unit(tensors["language_probability"][0]),
            words=spoken,
            model=f"{spec.name}@{VERSION}",
        )

    def _believed(self, tensors: Tensors) -> bool:
        text: bytes = tensors["text"][0]
        # The model's backend has tried again already with all of its window.
        if len(text) > self.belief.compression * len(zlib.compress(text)):
            return False
        confidence = float(tensors["confidence"][0])
        if float(tensors["no_speech_probability"][0]) >= self.belief.no_speech:
            return confidence >= self.belief.confident
        return confidence >= self.belief.least_confident

    def _spoken(self, word: Word, group: Sequence[Span]) -> bool:
        slack = self.belief.outside
        return any(word.begin < span.end + slack and word.end > span.begin - slack for span in group)


def _words(tensors: Tensors, offset: float, seconds: float) -> tuple[Word, ...]:
    words = []
    last = 0.0
    for text, (begin, end), confidence in zip(
        tensors["words"], tensors["word_times"], tensors["word_probabilities"], strict=True
    ):
        begin = min(max(float(begin) + offset, last), seconds)
        last = min(max(float(end) + offset, begin), seconds)
        words.append(Word(text.decode(), begin, last, _unit(confidence)))
    return tuple(words)


def _join(words: Sequence[Word], language: str) -> str:
    return ("" if language == "zh" else " ").join(word.text for word in words)


def _language(heard: dict[int, Recognition]) -> str:
    """The language of the first piece that was heard, which is the longest."""
    return next((piece.language for piece in heard.values()), "")


def _unit(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)
