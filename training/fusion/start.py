"""What each modality says alone, by regressions: where a fusion model begins. No torch."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.dialogue.model import JOINT_WIDTH
from training.fusion.sources import Sources
from training.text.intent import fit_head
from training.vision.heads import Head, PictureHeads, fit

_RIDGE: Final = 0.1
"""L2 strength for each example of the regression from pictures to passages, on standardized vectors.

On ``domains/shop`` 0.1 and 0.01 find the passages of pictures without words alike (0.99
of other variants), 1 and more find fewer.
"""
_LEAST_DEVIATION: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Start:
    """Heads on raw vectors, and projections on standardized ones.

    ``directions`` float32 ``[128, 384]``, orthonormal, keep the most of how texts differ;
    ``to_passages`` float32 ``[128, 1280]`` takes a picture to where its passages are. What is
    about pictures is None without any.
    """

    intents: Head
    directions: NDArray[np.float32]
    products: Head | None = None
    kinds: Head | None = None
    pictures: Head | None = None
    to_passages: NDArray[np.float32] | None = None


def begin(sources: Sources, heads: PictureHeads | None) -> Start:
    """Fit everything; ``heads`` are those of products and kinds, which were trained before."""
    sentences = np.stack([utterance.text.sentence for utterance in sources.utterances])
    intents = fit_head(sentences, np.array([utterance.intent for utterance in sources.utterances]))
    of_intents = Head(*(part.astype(np.float32) for part in intents))
    _, directions = np.linalg.eigh(np.cov(np.vstack([sentences, sources.passage_vectors]), rowvar=False))
    kept = np.ascontiguousarray(directions[:, ::-1].T[:JOINT_WIDTH].astype(np.float32))
    if heads is None:
        return Start(of_intents, kept)
    pooled = pooled_vectors(sources)
    owners = [at for at, shown in enumerate(sources.training.pictures) for _ in shown.variants]
    owners += [len(sources.training.pictures)] * len(sources.training.negatives)
    pictures = fit(pooled, np.array(owners), len(sources.domain.picture_labels))
    scale = _deviation(sentences)
    ends = ((sources.passage_vectors - sentences.mean(axis=0)) / scale.mean()) @ kept.T
    return Start(
        of_intents, kept, heads.products, heads.kinds, pictures, _to_passages(sources, pooled, owners, ends)
    )


def pooled_vectors(sources: Sources) -> NDArray[np.float32]:
    """Give the pooled vectors of all looks at pictures, then those of negatives, ``[n, 1280]``."""
    pooled = [look.pooled for shown in sources.training.pictures for look in shown.variants]
    pooled += [look.pooled for look in sources.training.negatives]
    return np.stack(pooled).astype(np.float32)


def _to_passages(
    sources: Sources, pooled: NDArray[np.float32], owners: list[int], ends: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Ridge regression from pictures to the middle of their passages; negatives go nowhere."""
    targets = np.zeros((len(sources.training.pictures) + 1, ends.shape[1]))
    for place in range(len(sources.training.pictures)):
        for language in sources.domain.languages:
            for passage, share in sources.open_answers(place, language).items():
                targets[place] += share * ends[passage] / len(sources.domain.languages)
    standardized = (pooled - pooled.mean(axis=0)) / _deviation(pooled)
    gram = standardized.T @ standardized + _RIDGE * len(pooled) * np.eye(pooled.shape[1])
    found = np.linalg.solve(gram.astype(np.float64), standardized.T @ targets[owners])
    return np.ascontiguousarray(found.T.astype(np.float32))


def _deviation(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    deviation: NDArray[np.float32] = np.maximum(vectors.std(axis=0, ddof=1), _LEAST_DEVIATION)
    return deviation
