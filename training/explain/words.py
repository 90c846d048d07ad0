"""A text as words that can be left out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import jieba
import numpy as np
from numpy.typing import NDArray

from services.dialogue.language import tell_language
from training.explain.attribution import ExplainError

Predictor: TypeAlias = Callable[[Sequence[str]], NDArray[Any]]
"""Texts to the probabilities of labels, ``[texts, labels]``; no text is empty."""

Unit: TypeAlias = Literal["words", "characters"]

# "don't", "PAY-407" and "3.5" are one word each.
_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
_SEEN = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Word:
    """A word that stands at the characters ``[start, end)`` of its text."""

    text: str
    start: int
    end: int


class WordFinder:
    """Finds the words of English texts by their letters, of Mandarin ones by jieba's dictionary.

    ``unit`` "characters": each Mandarin character is a word of its own.
    """

    def __init__(self, unit: Unit = "words") -> None:
        self._unit = unit

    def __call__(self, text: str) -> tuple[Word, ...]:
        """Give the words in reading order; marks between them belong to none."""
        if tell_language(text, ("en", "zh"), "en") == "en":
            return tuple(Word(found[0], found.start(), found.end()) for found in _WORD.finditer(text))
        pieces = self._mandarin.cut(text) if self._unit == "words" else text
        words, start = [], 0
        for piece in pieces:
            if _SEEN.search(piece):
                words.append(Word(piece, start, start + len(piece)))
            start += len(piece)
        return tuple(words)

    @cached_property
    def _mandarin(self) -> jieba.Tokenizer:
        tokenizer = jieba.Tokenizer()
        tokenizer.initialize()
        return tokenizer


def without(text: str, words: Sequence[Word], hidden: Sequence[bool], replacement: str = "") -> str:
    """Leave out the words marked in ``hidden``, or write ``replacement`` in the place of each.

    Where words go, no double spaces stay, and where nothing stays, a full stop: models
    refuse empty texts.
    """
    kept, at = [], 0
    for word, gone in zip(words, hidden, strict=True):
        if gone:
            kept += [text[at : word.start], replacement]
            at = word.end
    kept.append(text[at:])
    joined = "".join(kept)
    return joined if replacement else re.sub(r"\s{2,}", " ", joined).strip() or "."


class TextSubject:
    """A text for ``attribute``; see ``without`` for ``replacement``. ``ExplainError`` without a word."""

    def __init__(
        self, text: str, predict: Predictor, find: Callable[[str], Sequence[Word]], replacement: str = ""
    ) -> None:
        self._text = text
        self._words = find(text)
        self._predict = predict
        self._replacement = replacement
        if not self._words:
            raise ExplainError("the text has no word in it: give one with letters or digits")

    @property
    def parts(self) -> Sequence[str]:
        """Give the words."""
        return [word.text for word in self._words]

    def probabilities(self, hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Ask about all versions in one call."""
        texts = [without(self._text, self._words, row.tolist(), self._replacement) for row in hidden]
        return np.asarray(self._predict(texts), np.float64)
