"""Whisper on CTranslate2: samples → text, words with times and probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
import tokenizers

from .features import FRAMES_PER_SECOND, SAMPLE_RATE, WINDOW_SECONDS, LogMel
from .words import repeats, split_words

_FULL_FRAMES = WINDOW_SECONDS * FRAMES_PER_SECOND
_TOKENS_A_SECOND = 15  # more than anyone says; a bound on what a loop may cost
_MOST_TOKENS = 220  # Whisper's context has 448 places, half of them for the text
_FRAMES_A_STEP = 2  # the encoder halves the frames


@dataclass(frozen=True)
class Settings:
    """How to decode. ``padding_seconds`` of silence follow the utterance in the encoder's window."""

    cpu_threads: int = 2
    beam_size: int = 1
    beam_size_zh: int = 1
    padding_seconds: float = 8.0
    prompt_zh: str = ""
    device: str = "cpu"  # or cuda


@dataclass(frozen=True)
class Word:
    """Times in seconds from the start of the samples."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Transcript:
    """``confidence`` is the mean of the words' probabilities, 0 where there are none."""

    text: str
    language: str
    language_probability: float
    words: tuple[Word, ...]
    no_speech_probability: float

    @property
    def confidence(self) -> float:
        return float(np.mean([word.probability for word in self.words])) if self.words else 0.0


class Transcriber:
    """One Whisper model from its folder (model.bin, config.json, tokenizer.json, vocabulary.txt)."""

    LANGUAGES = ("en", "zh")

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._settings = settings
        self._model = ctranslate2.models.Whisper(
            str(folder),
            device=settings.device,
            compute_type="int8" if settings.device == "cpu" else "int8_float16",
            inter_threads=1,
            intra_threads=settings.cpu_threads,
        )
        self._tokenizer = tokenizers.Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self._log_mel = LogMel(self._model.n_mels)
        self._end = self._id("<|endoftext|>")
        self._prompt_zh = []
        if settings.prompt_zh:
            prompt = self._tokenizer.encode(settings.prompt_zh, add_special_tokens=False).ids
            self._prompt_zh = [self._id("<|startofprev|>"), *prompt]

    @property
    def multilingual(self) -> bool:
        return self._model.is_multilingual

    def transcribe(self, samples: np.ndarray, language: str = "") -> Transcript:
        """Transcribe mono 16 kHz float32 samples of any length; ``language`` "" is detected.

        Raises:
            ValueError: the model does not know the language.
        """
        if language and language not in (self.LANGUAGES if self.multilingual else ("en",)):
            raise ValueError(f"language {language!r} is not one that this model hears")
        probability = 1.0
        parts = []
        for begin, end in cuts(samples):
            part = samples[begin:end]
            encoded, frames = self._encode(part, self._settings.padding_seconds)
            if not language:
                language, probability = self._detect(encoded)
            parts.append((begin / SAMPLE_RATE, self._hear(part, encoded, frames, language)))
        words = tuple(
            Word(word.text, word.start + offset, word.end + offset, word.probability)
            for offset, (_, words, _) in parts
            for word in words
        )
        separator = "" if language == "zh" else " "
        return Transcript(
            text=separator.join(text for _, (text, _, _) in parts if text),
            language=language or "en",
            language_probability=probability,
            words=words,
            no_speech_probability=max((silence for _, (_, _, silence) in parts), default=1.0),
        )

    def _encode(self, samples, padding_seconds):
        seconds = len(samples) / SAMPLE_RATE + padding_seconds
        frames = min(_FULL_FRAMES, round(seconds * FRAMES_PER_SECOND / _FRAMES_A_STEP) * _FRAMES_A_STEP)
        features = np.ascontiguousarray(self._log_mel(samples, frames)[None])
        return self._model.encode(ctranslate2.StorageView.from_array(features)), frames

    def _detect(self, encoded):
        if not self.multilingual:
            return "en", 1.0
        found = {token.strip("<|>"): score for token, score in self._model.detect_language(encoded)[0]}
        known = {name: found[name] for name in self.LANGUAGES}
        best = max(known, key=known.get)
        return best, known[best] / max(sum(known.values()), 1e-9)

    def _hear(self, samples, encoded, frames, language):
        tokens, words, silence, complete = self._decode(samples, encoded, language)
        text = self._text(tokens)
        if frames < _FULL_FRAMES and (not complete or repeats(text)):
            # The short window sometimes breaks into loops; the window of the training seldom does.
            encoded, frames = self._encode(samples, WINDOW_SECONDS)
            tokens, words, silence, _ = self._decode(samples, encoded, language)
            text = self._text(tokens)
        return text, self._align(samples, encoded, tokens, words, language), silence

    def _decode(self, samples, encoded, language):
        zh = language == "zh"
        start = self._start(language)
        prompt = [*(self._prompt_zh if zh else []), *start, self._id("<|notimestamps|>")]
        most = min(_MOST_TOKENS, int(len(samples) / SAMPLE_RATE * _TOKENS_A_SECOND) + 20)
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=self._settings.beam_size_zh if zh else self._settings.beam_size,
            max_length=min(len(prompt) + most, 448),
            return_no_speech_prob=True,
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < self._end]
        words = split_words(self._tokenizer, tokens, by_character=zh)
        return tokens, words, float(result.no_speech_prob), len(tokens) < most

    def _align(self, samples, encoded, tokens, words, language):
        if not tokens:
            return ()
        frames = max(_FRAMES_A_STEP, int(len(samples) / SAMPLE_RATE * FRAMES_PER_SECOND))
        aligned = self._model.align(encoded, self._start(language), [tokens], frames)[0]
        probabilities = aligned.text_token_probs
        starts = _token_starts(aligned.alignments, len(tokens) + 1)
        step = _FRAMES_A_STEP / FRAMES_PER_SECOND
        result = []
        index = 0
        for word, count in words:
            text = word.strip()
            if text:
                begin, end = starts[index] * step, starts[index + count] * step
                probability = float(np.mean(probabilities[index : index + count]))
                result.append(Word(text, begin, max(begin, end), probability))
            index += count
        return tuple(result)

    def _start(self, language):
        start = [self._id("<|startoftranscript|>")]
        if self.multilingual:
            start += [self._id(f"<|{language}|>"), self._id("<|transcribe|>")]
        return start

    def _text(self, tokens):
        return self._tokenizer.decode(tokens, skip_special_tokens=True).strip()

    def _id(self, token):
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer has no token {token}")
        return found


def _token_starts(alignments, count):
    """Encoder step at which each of ``count`` tokens begins (dynamic time warping pairs → first step)."""
    starts = np.zeros(count, np.int64)
    seen = -1
    last = 0
    for token, step in alignments:
        if token > seen:
            starts[seen + 1 : token + 1] = step
            seen = token
        last = step
    starts[seen + 1 :] = last
    return starts


def cuts(samples: np.ndarray) -> list[tuple[int, int]]:
    """[(begin, end)] in samples, 30 s at most: cut at the quietest tenth of a second of the last 10 s."""
    most = WINDOW_SECONDS * SAMPLE_RATE
    search, frame = 10 * SAMPLE_RATE, SAMPLE_RATE // 10
    result = []
    begin = 0
    while len(samples) - begin > most:
        tail = samples[begin + most - search : begin + most].reshape(-1, frame)
        quietest = int(np.argmin(np.square(tail).mean(axis=1)))
        end = begin + most - search + quietest * frame + frame // 2
        result.append((begin, end))
        begin = end
    result.append((begin, len(samples)))
    return result


def read_settings(parameters: Mapping[str, str]) -> Settings:
    """Settings from the string parameters of a model's configuration."""
    fields = {name: type(field.default) for name, field in Settings.__dataclass_fields__.items()}
    return Settings(**{name: kind(parameters[name]) for name, kind in fields.items() if name in parameters})
