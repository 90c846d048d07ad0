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
from services.tts.sentences import Part, SentenceCutter
from services.tts.speech_cache import SpeechCache, SpeechKey
from services.tts.voices import Catalogue, Voice, language_of

Samples = NDArray[np.float32]

_SENTENCE_PAUSE_SECONDS = 0.3
_CLAUSE_PAUSE_SECONDS = 0.12  # as the models pause inside a sentence
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
    """Speaks sentences one after the other through the inference port, or from ``cache``."""

    def __init__(self, inference: InferenceClient, catalogue: Catalogue, cache: SpeechCache) -> None:
        self._inference = inference
        self._catalogue = catalogue
        self._cache = cache

    async def speak(
        self, pieces: AsyncIterator[str], style: Style, *, tenant: str = "", timeout_seconds: float
    ) -> AsyncGenerator[Samples, None]:
        """Yield chunks of samples (24 kHz, -1 to 1) while the text still comes.

        A sentence is spoken once it is complete, or from its first clause on when that takes too long.
        ``aclose()`` stops the model. A text without a word in it yields nothing. ``tenant`` is whose
        speech may be reused. ``timeout_seconds`` bounds each sentence.
        """
        cutter = SentenceCutter()
        spoken = goes_on = False

        async def said(parts: Sequence[Part]) -> AsyncGenerator[Samples, None]:
            nonlocal spoken, goes_on
            for part in parts:
                pause = _CLAUSE_PAUSE_SECONDS if goes_on else _SENTENCE_PAUSE_SECONDS
                goes_on = part.goes_on
                for utterance in self.utterances(part.text, style.voice):
                    chunks = self._speech(utterance, style.speed, tenant, timeout_seconds)
                    async with aclosing(chunks):
                        first = True
                        async for chunk in chunks:
                            if first and spoken:
                                yield _silence(pause / style.speed)
                            first, spoken = False, True
                            yield chunk
                    pause = _RUN_PAUSE_SECONDS

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

    async def _speech(
        self, utterance: Utterance, speed: float, tenant: str, timeout_seconds: float
    ) -> AsyncGenerator[Samples, None]:
        key = SpeechKey(tenant, utterance.voice.name, speed, utterance.text)
        kept = self._cache.ask(key)
        if kept is not None:
            for chunk in kept:
                yield chunk
            return
        keep = self._cache.wants(key)
        spoken: list[Samples] = []
        async with aclosing(self._stream(utterance, speed, timeout_seconds)) as chunks:
            async for chunk in chunks:
                if keep:
                    spoken.append(chunk)
                yield chunk
        if keep:
            self._cache.keep(key, spoken)

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
