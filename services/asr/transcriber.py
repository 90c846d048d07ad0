"""One piece of audio → its words by Whisper, as far as they are to be believed. Pure."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from services.asr.model import ASR_EN, ASR_MULTILINGUAL, SAMPLE_RATE, VERSION
from services.asr.speech import Span
from services.inference.port import InferenceClient, Tensors


@dataclass(frozen=True, slots=True)
class Word:
    """Seconds from the start of the audio; ``confidence`` from 0 to 1."""

    text: str
    begin: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Transcription:
    """``language`` is "en" or "zh", its confidence from 0 to 1; ``model`` as "asr_en@1"."""

    transcript: str
    language: str
    language_confidence: float
    words: tuple[Word, ...]
    model: str


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


@dataclass(frozen=True, slots=True)
class Transcriber:
    """Has the model of the language write what it hears, and drops what it only made up."""

    inference: InferenceClient
    simplify: Callable[[str], str]
    """Traditional to simplified characters."""
    belief: BeliefRules = field(default_factory=BeliefRules)

    async def transcribe(
        self,
        samples: NDArray[np.float32],
        *,
        begin: float,
        spans: Sequence[Span],
        language: str,
        timeout_seconds: float,
    ) -> Transcription | None:
        """Transcribe mono 16 kHz samples (-1 to 1) that begin at ``begin`` seconds of the audio.

        Somebody speaks in ``spans``. ``language`` is "en", "zh" or "" (detected). None when there are no
        words to be believed.

        Raises:
            Unavailable, DeadlineExceeded: from the model.
        """
        spec = ASR_EN if language == "en" else ASR_MULTILINGUAL
        inputs = {"samples": samples, "language": np.array([language.encode()], np.object_)}
        tensors = await self.inference.infer(spec, inputs, timeout_seconds=timeout_seconds)
        if not self._believed(tensors):
            return None
        found: str = tensors["heard_language"][0].decode()
        words = _words(tensors, begin, begin + len(samples) / SAMPLE_RATE)
        spoken = tuple(word for word in words if self._spoken(word, spans))
        if not spoken:
            return None
        transcript = tensors["text"][0].decode() if len(spoken) == len(words) else joined(spoken, found)
        if found == "zh":
            transcript = self.simplify(transcript)
            spoken = tuple(replace(word, text=self.simplify(word.text)) for word in spoken)
        return Transcription(
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

    def _spoken(self, word: Word, spans: Sequence[Span]) -> bool:
        slack = self.belief.outside
        return any(word.begin < span.end + slack and word.end > span.begin - slack for span in spans)


def joined(words: Sequence[Word], language: str) -> str:
    """The words as text: Mandarin without spaces, but between words in Latin letters."""
    if language != "zh":
        return " ".join(word.text for word in words)
    text = ""
    for word in words:
        apart = text and _latin(text[-1]) and _latin(word.text[:1])
        text += f" {word.text}" if apart else word.text
    return text


def _words(tensors: Tensors, offset: float, latest: float) -> tuple[Word, ...]:
    words = []
    last = 0.0
    for text, (begin, end), confidence in zip(
        tensors["words"], tensors["word_times"], tensors["word_probabilities"], strict=True
    ):
        begin = min(max(float(begin) + offset, last), latest)
        last = min(max(float(end) + offset, begin), latest)
        words.append(Word(text.decode(), begin, last, _unit(confidence)))
    return tuple(words)


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _unit(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)
