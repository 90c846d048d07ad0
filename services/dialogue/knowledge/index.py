"""The searchable form of a knowledge base: exact cosines and BM25, immutable once built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import bm25s
import numpy as np
from numpy.typing import NDArray

from services.dialogue.retrieval import Scores, SearchPassage


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage with its L2-normalized vector and its words (title included)."""

    passage: SearchPassage
    vector: NDArray[np.float32]
    words: tuple[str, ...]
    text_sha256: bytes


class LanguageIndex:
    """The passages of one language. Searching is safe from any thread."""

    def __init__(self, entries: Sequence[IndexedPassage]) -> None:
        """Build from at least one passage; all vectors have the same width."""
        self.passages = tuple(entry.passage for entry in entries)
        self.positions = {passage.id: place for place, passage in enumerate(self.passages)}
        self.vectors = np.stack([entry.vector for entry in entries]).astype(np.float32)
        self._bm25: bm25s.BM25 | None = None
        if any(entry.words for entry in entries):
            self._bm25 = bm25s.BM25()
            self._bm25.index([list(entry.words) for entry in entries], show_progress=False)

    def score(self, vector: NDArray[np.float32], words: Sequence[str]) -> Scores:
        """Score all passages for a query's L2-normalized vector and words."""
        bm25 = np.zeros(len(self.passages), np.float32)
        known = [word for word in words if self._bm25 and word in self._bm25.vocab_dict]
        if self._bm25 and known:
            bm25 = self._bm25.get_scores(known).astype(np.float32)
        return Scores(self.passages, self.positions, self.vectors @ vector, bm25)


@dataclass(frozen=True, slots=True)
class KnowledgeIndex:
    """All passages that one domain version (or a tenant without a domain) can answer from."""

    embedding_model: str
    by_language: Mapping[str, LanguageIndex]
    entries: tuple[IndexedPassage, ...]

    @staticmethod
    def build(embedding_model: str, entries: Sequence[IndexedPassage]) -> "KnowledgeIndex":
        """Build the index of each language that has a passage."""
        languages = sorted({entry.passage.language for entry in entries})
        by_language = {
            language: LanguageIndex([entry for entry in entries if entry.passage.language == language])
            for language in languages
        }
        return KnowledgeIndex(embedding_model, by_language, tuple(entries))

    @property
    def width(self) -> int:
        """Width of the vectors; 0 when there is no passage."""
        return len(self.entries[0].vector) if self.entries else 0

    def score(self, language: str, vector: NDArray[np.float32], words: Sequence[str]) -> Scores | None:
        """Score the passages of a language; None when there are none."""
        index = self.by_language.get(language)
        return index.score(vector, words) if index else None

    def passage(self, passage_id: str, language: str) -> SearchPassage | None:
        """Find a passage by id."""
        index = self.by_language.get(language)
        position = index.positions.get(passage_id) if index else None
        return index.passages[position] if index and position is not None else None
