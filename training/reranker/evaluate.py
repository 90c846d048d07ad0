"""How far up the right passage stands: mean reciprocal rank and recall."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.dialogue.passage_vectors import passage_text
from training.reranker.data import Corpus
from training.reranker.retrieval import WAYS, Found

DEPTH = 10

Score = Callable[[Sequence[str], Sequence[str]], NDArray[np.float32]]
"""Questions and passages, pair by pair, to scores ``[n]``."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Over questions, each 0 to 1: 1 / rank of the first right passage (0 below the tenth), how often
    it stands first, and how often it is among ten."""

    mrr: float
    recall_at_1: float
    recall_at_10: float


def figures(ranked: Sequence[Sequence[int]], answers: Sequence[frozenset[int]]) -> Figures:
    """Judge rankings of places, one for each question; at least one."""
    ranks = np.array([_rank(places, right) for places, right in zip(ranked, answers, strict=True)])
    found = ranks > 0
    reciprocal = np.where(found, 1.0 / np.maximum(ranks, 1), 0.0)
    return Figures(*(round(float(v), 4) for v in (reciprocal.mean(), (ranks == 1).mean(), found.mean())))


def reranked(
    corpus: Corpus, found: Sequence[Found], score: Score, depth: int = DEPTH
) -> list[tuple[int, ...]]:
    """Order the ``depth`` best of the served search anew; all pairs are scored in one call."""
    candidates = [each.ranked["search"][:depth] for each in found]
    questions = [each.question.text for each, places in zip(found, candidates, strict=True) for _ in places]
    texts = [text_of(corpus, place) for places in candidates for place in places]
    if not texts:
        return candidates
    scores = score(questions, texts)
    ordered, at = [], 0
    for places in candidates:
        own = scores[at : at + len(places)]
        ordered.append(tuple(places[int(best)] for best in np.argsort(-own, kind="stable")))
        at += len(places)
    return ordered


def compared(corpus: Corpus, found: Sequence[Found], score: Score | None) -> Mapping[str, Figures]:
    """Judge each way to find passages, and the best ten of the search ``reranked``."""
    answers = [each.question.answers for each in found]
    told = {way: figures([each.ranked[way][:DEPTH] for each in found], answers) for way in WAYS}
    if score is not None:
        told["reranked"] = figures(reranked(corpus, found, score), answers)
    return told


def text_of(corpus: Corpus, place: int) -> str:
    """Give a passage as it is read: its title first, where it has one."""
    passage = corpus.passages[place]
    return passage_text(passage.title, passage.text) if passage.title else passage.text


def _rank(places: Sequence[int], right: frozenset[int]) -> int:
    """Count from 1; 0 where none of the places is right."""
    return next((rank for rank, place in enumerate(places[:DEPTH], start=1) if place in right), 0)
