"""What is found for a question before it is reranked, by the search that serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.ports import Purpose
from services.dialogue.retrieval import Scores, ranking, search
from training.data.examples import DataError
from training.reranker.data import Corpus, Question
from training.text.passages import index_of

WAYS: Final = ("bm25", "embedding", "search")
"""BM25 alone, vectors alone, and both joined as serving joins them."""


class Encoder(Protocol):
    """The frozen retrieval encoder; see ``CachedTextEncoder``."""

    embedding_model: str

    def __call__(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        """Embed texts."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A question with places of ``Corpus.passages``, best first, by each of ``WAYS``."""

    question: Question
    ranked: Mapping[str, tuple[int, ...]]


class Retrieval:
    """The passages of a corpus, embedded once."""

    def __init__(self, corpus: Corpus, encoder: Encoder, words: WordSplitter) -> None:
        self._encoder = encoder
        self._words = words
        self._index = index_of(corpus.passages, encoder, encoder.embedding_model, words)
        self._places = {
            (passage.language, passage.id): place for place, passage in enumerate(corpus.passages)
        }

    def __call__(self, questions: Sequence[Question], depth: int) -> list[Found]:
        """Find the ``depth`` best passages of each question's language."""
        if not questions:
            return []
        vectors = self._encoder([question.text for question in questions], Purpose.QUERY)
        return [
            self._found(question, vector, depth) for question, vector in zip(questions, vectors, strict=True)
        ]

    def _found(self, question: Question, vector: NDArray[np.float32], depth: int) -> Found:
        words = self._words.split(question.text, question.language)
        scores = self._index.score(question.language, vector, words)
        if scores is None:
            raise DataError(f"a question in {question.language} has no passages in its language")

        def place(at: int, scores: Scores = scores) -> int:
            passage = scores.passages[at]
            return self._places[passage.language, passage.id]

        hits = (self._places[hit.passage.language, hit.passage.id] for hit in search(scores, depth))
        return Found(
            question,
            {
                "bm25": tuple(map(place, ranking(scores.bm25, depth, above=0.0))),
                "embedding": tuple(map(place, ranking(scores.cosine, depth))),
                "search": tuple(hits),
            },
        )
