"""Splits text into the words that BM25 counts."""

import logging
import re
from functools import cached_property

import bm25s
import jieba
import Stemmer

_WORD = re.compile(r"\w")

# Their progress messages are no part of ours.
for _name in ("jieba", "bm25s"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class WordSplitter:
    """English into stems without stopwords, Mandarin by dictionary into all words that overlap.

    Safe to share between threads. ``load`` reads the Mandarin dictionary (about a
    second) ahead of the first use.
    """

    @cached_property
    def _mandarin(self) -> jieba.Tokenizer:
        tokenizer = jieba.Tokenizer()
        tokenizer.initialize()
        return tokenizer

    def load(self) -> None:
        """Read the dictionary now."""
        _ = self._mandarin

    def split(self, text: str, language: str) -> tuple[str, ...]:
        """Give the words of a text in reading order; a word may stand more than once."""
        if language == "zh":
            words = self._mandarin.cut_for_search(text.lower())
            return tuple(word for word in words if _WORD.search(word))
        # A stemmer is not to be shared between threads, and costs nothing to make.
        stemmer = Stemmer.Stemmer("english")
        split = bm25s.tokenize([text], stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False)
        return tuple(split[0])
