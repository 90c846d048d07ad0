"""What the fusion model is given, and what follows from its answer. Pure; training and serving alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.dialogue.model import EMBEDDING_WIDTH as TEXT_WIDTH
from services.dialogue.model import FRAME_WIDTH, REGION_WIDTH

TEXT_ROWS = 64
WORD_ROWS = 96
FRAME_ROWS = 100
"""Most rows of one turn: 10 s of sound, what is later in it is left out."""

MAX_IMAGES = 8

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """An embedded text: ``sentence`` float32 ``[384]``, L2-normalized; ``tokens`` float32 ``[n, 384]``."""

    sentence: NDArray[np.float32]
    tokens: Rows


@dataclass(frozen=True, slots=True)
class PictureFeatures:
    """What is known of a picture: how it looks, the words in it, either or both.

    ``pooled`` float32 ``[1280]``; ``regions`` float32 ``[49, 1280]``, row by row.
    """

    pooled: NDArray[np.float32] | None
    regions: Rows | None
    words: TextFeatures | None = None


def _none(width: int) -> Rows:
    return np.zeros((0, width), np.float32)


@dataclass(frozen=True, slots=True)
class FusionRow:
    """One input of the fusion model; every modality may have no rows.

    ``text_tokens`` float32 ``[T, 384]``, ``regions`` ``[R, 1280]``, ``word_tokens``
    ``[W, 384]``, ``frames`` ``[F, 64]``. ``is_passage``: the text is a passage's stored vector.
    """

    text_tokens: Rows = field(default_factory=lambda: _none(TEXT_WIDTH))
    regions: Rows = field(default_factory=lambda: _none(REGION_WIDTH))
    word_tokens: Rows = field(default_factory=lambda: _none(TEXT_WIDTH))
    frames: Rows = field(default_factory=lambda: _none(FRAME_WIDTH))
    is_passage: bool = False


def fusion_row(
    text: TextFeatures | None, pictures: Sequence[PictureFeatures], frames: Rows | None
) -> FusionRow:
    """Join what is known of a turn; ``frames`` float32 ``[n, 64]``, one each 0.1 s.

    Text is its sentence vector, then tokens, ``TEXT_ROWS`` in all. Each picture is its
    regions, then its pooled vector. Words are each picture's sentence vector, then
    tokens; the pictures with words share ``WORD_ROWS`` equally.
    """
    worded = [picture.words for picture in pictures if picture.words is not None]
    share = WORD_ROWS // max(len(worded), 1)
    return FusionRow(
        text_tokens=_none(TEXT_WIDTH) if text is None else _text_rows(text, TEXT_ROWS),
        regions=_joined([_picture_rows(picture) for picture in pictures], REGION_WIDTH),
        word_tokens=_joined([_text_rows(words, share) for words in worded], TEXT_WIDTH),
        frames=_none(FRAME_WIDTH) if frames is None else frames[:FRAME_ROWS].astype(np.float32),
    )


def fusion_rows(
    text: TextFeatures | None, pictures: Sequence[PictureFeatures], frames: Rows | None
) -> list[FusionRow]:
    """Give the batch of a turn: everything together first, then each picture alone with its words."""
    return [fusion_row(text, pictures, frames), *(fusion_row(None, [p], None) for p in pictures)]


def passage_row(vector: NDArray[np.float32]) -> FusionRow:
    """Give the input of a passage from its stored vector, float32 ``[384]``."""
    return FusionRow(text_tokens=vector[None].astype(np.float32), is_passage=True)


def fusion_inputs(rows: Sequence[FusionRow]) -> Mapping[str, NDArray[np.float32]]:
    """Pad rows to one batch of tensors, by the names of ``fusion_spec``.

    Masks are 1 where there is a row and 0 where there is padding; every length is at least 1.
    """
    tensors: dict[str, NDArray[np.float32]] = {}
    for tensor, mask, parts in (
        ("text_tokens", "text_mask", [row.text_tokens for row in rows]),
        ("regions", "region_mask", [row.regions for row in rows]),
        ("word_tokens", "word_mask", [row.word_tokens for row in rows]),
        ("frames", "frame_mask", [row.frames for row in rows]),
    ):
        longest = max(1, *(len(part) for part in parts))
        tensors[tensor] = np.zeros((len(rows), longest, parts[0].shape[1]), np.float32)
        tensors[mask] = np.zeros((len(rows), longest), np.float32)
        for place, part in enumerate(parts):
            tensors[tensor][place, : len(part)] = part
            tensors[mask][place, : len(part)] = 1.0
    tensors["is_passage"] = np.array([[float(row.is_passage)] for row in rows], np.float32)
    return tensors


@dataclass(frozen=True, slots=True)
class RankingWeights:
    """What evidence for a passage counts: joint vectors' cosine, text vectors' cosine, BM25 share.

    ``picture`` is for the probability that one of its pictures was shown.
    """

    joint: float
    cosine: float
    bm25: float
    picture: float = 0.0


@dataclass(frozen=True, slots=True)
class FusionThresholds:
    """From which probability of a passage dialogue answers or asks back, and of a picture names it."""

    answer_at: float
    ask_at: float
    seen_at: float


def passage_probabilities(
    weights: RankingWeights,
    joint: NDArray[np.float32] | None,
    cosine: NDArray[np.float32] | None,
    bm25: NDArray[np.float32],
    pictured: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Give each passage's probability to answer the turn, float64 ``[n]``, summing to 1; n at least 1.

    A softmax over the weighted evidence: cosines of the joint vectors and of the text
    vectors, BM25 as a share of the best, and what ``pictured_passages`` gives; all
    ``[n]``, or None where there are none.
    """
    values = np.zeros(len(bm25), np.float64)
    if joint is not None:
        values += weights.joint * joint.astype(np.float64)
    if cosine is not None:
        values += weights.cosine * cosine.astype(np.float64)
    best = float(bm25.max())
    if best > 0.0:
        values += weights.bm25 * (bm25.astype(np.float64) / best)
    if pictured is not None:
        values += weights.picture * pictured
    return softmax(values)


def narrowed(probabilities: NDArray[np.float64], places: Sequence[int], surely: float) -> NDArray[np.float64]:
    """Give the passages at ``places`` the probability ``surely`` together, shared as before.

    The others keep their shares of what is left. ``places`` must have some probability.
    """
    chosen = np.zeros(len(probabilities), np.bool_)
    chosen[list(places)] = True
    own = float(probabilities[chosen].sum())
    scaled: NDArray[np.float64] = probabilities * np.where(
        chosen, surely / max(own, 1e-12), (1.0 - surely) / max(1.0 - own, 1e-12)
    )
    return scaled


def pictured_passages(
    pictures: NDArray[np.float32], passages: Sequence[Sequence[str]], positions: Mapping[str, int]
) -> NDArray[np.float64]:
    """Give the probability that a picture was shown whose questions a passage answers, float64 ``[n]``.

    ``pictures`` ``[shown, labels]`` are those of each picture alone, ``passages`` the ids
    that go with each label, ``positions`` where the n passages stand. Of several shown
    pictures the likeliest counts.
    """
    found = np.zeros((len(pictures), len(positions)), np.float64)
    for label, ids in enumerate(passages):
        places = [positions[passage] for passage in ids if passage in positions]
        found[:, places] += pictures[:, label, None]
    likeliest: NDArray[np.float64] = found.max(axis=0, initial=0.0)
    return likeliest


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the shares of values ``[n]``, at least one of them finite; they sum to 1."""
    grown = np.exp(values - values.max())
    shares: NDArray[np.float64] = grown / grown.sum()
    return shares


def _text_rows(text: TextFeatures, most: int) -> Rows:
    rows: Rows = np.vstack([text.sentence[None], text.tokens])[:most].astype(np.float32)
    return rows


def _picture_rows(picture: PictureFeatures) -> Rows:
    regions = _none(REGION_WIDTH) if picture.regions is None else picture.regions
    return regions if picture.pooled is None else np.vstack([regions, picture.pooled[None]])


def _joined(parts: Sequence[Rows], width: int) -> Rows:
    return np.vstack(parts).astype(np.float32) if parts else _none(width)
