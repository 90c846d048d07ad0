"""Text → sentences → words → the models → samples. Pure: no wire types, no Triton."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.inference.port import InferenceClient
from services.tts.model import SAMPLE_RATE
from services.tts.normalize import codes, en, zh
from services.tts.sentences import SentenceCutter
from services.tts.voices import Catalogue, Voice, language_of

Samples = NDArray[np.float32]

_SENTENCE_PAUSE_SECONDS = 0.3
_RUN_PAUSE_SECONDS = 0.08
_HAN_RUN = re.compile(r"[\u3400-\u9fff](?:[^A-Za-z]*[\u3400-\u9fff])?[，。！？；：、]*")


@dataclass(frozen=True, slots=True)
class Style:
    """Who speaks, and how fast (0.5 to 2, 1 is the voice's own pace)."""

    voice: Voice
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words for one model."""

    text: str
    voice: Voice


class Synthesizer:
    """Speaks sentences one after the other through the inference port."""

    def __init__(self, inference: InferenceClient, catalogue: Catalogue) -> None:
        self._inference = inference
        self._catalogue = catalogue

    async def speak(
        self, pieces: AsyncIterator[str], style: Style, *, timeout_seconds: float
    ) -> AsyncGenerator[Samples, None]:
        """Yield chunks of samples (24 kHz, -1 to 1) while the text still comes.

        A sentence is spoken once it is complete. ``aclose()`` stops the model. A text without a
        word in it yields nothing. ``timeout_seconds`` bounds each sentence.
        """
        cutter = SentenceCutter()
        spoken = False

        async def said(sentences: Sequence[str]) -> AsyncGenerator[Samples, None]:
            nonlocal spoken
            for sentence in sentences:
                for index, utterance in enumerate(self.utterances(sentence, style.voice)):
                    pause = _RUN_PAUSE_SECONDS if index else _SENTENCE_PAUSE_SECONDS
                    async with aclosing(self._stream(utterance, style.speed, timeout_seconds)) as chunks:
                        first = True
                        async for chunk in chunks:
                            if first and spoken:
                                yield _silence(pause / style.speed)
                            first, spoken = False, True
                            yield chunk

        async for piece in pieces:
            async with aclosing(said(cutter.feed(piece))) as chunks:
                async for chunk in chunks:
                    yield chunk
        async with aclosing(said(cutter.finish())) as chunks:
            async for chunk in chunks:
                yield chunk

    def utterances(self, sentence: str, voice: Voice) -> list[Utterance]:
        """The sentence as words, split between voices where one cannot pronounce all of it.

        Kokoro's voices speak both languages. The English default voice does not know Mandarin:
        the Chinese parts of its sentences are spoken by the Mandarin default voice.
        """
        if "zh" in voice.languages or language_of(sentence) == "en":
            return _spoken(sentence, voice)
        parts: list[Utterance] = []
        position = 0
        for run in _HAN_RUN.finditer(sentence):
            parts += _spoken(sentence[position : run.start()], voice)
            parts += _spoken(run.group(), self._catalogue.default("zh"))
            position = run.end()
        return parts + _spoken(sentence[position:], voice)

    async def _stream(
        self, utterance: Utterance, speed: float, timeout_seconds: float
    ) -> AsyncGenerator[Samples, None]:
        inputs = {
            "text": np.array([utterance.text.encode()], np.object_),
            "voice": np.array([utterance.voice.name.encode()], np.object_),
            "speed": np.array([speed], np.float32),
        }
        responses = self._inference.stream(utterance.voice.model, inputs, timeout_seconds=timeout_seconds)
        async with aclosing(responses):
            async for response in responses:
                audio = response["audio"]
                if audio.size:
                    yield audio * np.float32(utterance.voice.gain)


def _spoken(text: str, voice: Voice) -> list[Utterance]:
    if not codes.has_speech(text):
        return []
    latin = any(character.isascii() and character.isalpha() for character in text)
    language = language_of(text) if latin or language_of(text) == "zh" else voice.language
    words = zh.spoken(text) if language == "zh" else en.spoken(text)
    return [Utterance(words, voice)] if words else []


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)
