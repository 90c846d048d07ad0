"""Finding passages: two rankings, joined by reciprocal rank fusion. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RANK_CONSTANT = 60
"""k of reciprocal rank fusion; 60 in Cormack, Clarke, Büttcher, SIGIR 2009."""

DEPTH = 100
"""Length of the rankings that are joined."""


@dataclass(frozen=True, slots=True)
class SearchPassage:
    """A passage that can be found. ``source_version`` is a domain version or a document's revision."""

    id: str
    language: str
    title: str
    text: str
    uri: str
    source_version: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found. ``cosine`` is from -1 to 1, ``bm25`` 0 or more, ``score`` the fusion's."""

    passage: SearchPassage
    score: float
    cosine: float
    bm25: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How well each passage of an index matches a query, in the index's order.

    ``positions`` tells where a passage's id stands in that order.
    """

    passages: Sequence[SearchPassage]
    positions: Mapping[str, int]
    cosine: NDArray[np.float32]
    bm25: NDArray[np.float32]


def ranking(scores: NDArray[np.float32], depth: int = DEPTH, above: float = -np.inf) -> list[int]:
    """Give the positions of the ``depth`` highest scores over ``above``, best first; ties in order."""
    if scores.size > depth:
        kept = np.sort(np.argpartition(-scores, depth - 1)[:depth])
    else:
        kept = np.arange(scores.size)
    order = kept[np.argsort(-scores[kept], kind="stable")]
    return [int(position) for position in order if scores[position] > above]


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[int]], rank_constant: int = RANK_CONSTANT
) -> dict[int, float]:
    """Join rankings: an item scores the sum of 1 / (k + its rank), ranks from 1.

    Method: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms
    Condorcet and individual Rank Learning Methods", SIGIR 2009.
    """
    fused: dict[int, float] = {}
    for items in rankings:
        for rank, item in enumerate(items, start=1):
            fused[item] = fused.get(item, 0.0) + 1.0 / (rank_constant + rank)
    return fused


def fuse(scores: Scores) -> dict[int, float]:
    """Give the fusion of the vector ranking and the BM25 ranking, by position in the index."""
    return reciprocal_rank_fusion([ranking(scores.cosine), ranking(scores.bm25, above=0.0)])


def hit(scores: Scores, position: int, score: float) -> Hit:
    """Make the hit at a position of the index."""
    cosine, bm25 = float(scores.cosine[position]), float(scores.bm25[position])
    return Hit(scores.passages[position], score, cosine, bm25)


def search(scores: Scores, top_k: int) -> list[Hit]:
    """Give the ``top_k`` best passages by fusion, best first; ties by cosine."""
    fused = fuse(scores)
    order = sorted(fused, key=lambda item: (-fused[item], -scores.cosine[item], item))
    return [hit(scores, item, fused[item]) for item in order[:top_k]]
