"""Compares what is served with what was trained, on texts, and refuses what is too far apart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.export.backends.understanding.encoder import UnderstandingEncoder


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says of texts: ``probabilities`` [n, labels], ``sentences`` [n, width] of length 1."""

    probabilities: NDArray[np.floating[Any]]
    sentences: NDArray[np.floating[Any]]

    @staticmethod
    def by(folder: Path, texts: Sequence[str], threads: int = 1) -> "Said":
        """By the form in ``folder``, run by the code that serves it."""
        understood = UnderstandingEncoder(folder, threads).understand(list(texts))
        return Said(understood.intents, understood.sentence)


@dataclass(frozen=True, slots=True)
class Parity:
    """``largest_difference`` of a probability; ``agreement``, the share of texts whose most probable label is
    the same; ``lowest_cosine`` of a sentence vector to its counterpart."""

    texts: int
    largest_difference: float
    agreement: float
    lowest_cosine: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How far apart two may be."""

    largest_difference: float = 1.0
    agreement: float = 0.0
    lowest_cosine: float = -1.0


FULL_PRECISION: Final = Limits(largest_difference=1e-3, agreement=0.999, lowest_cosine=0.9999)
EIGHT_BITS: Final = Limits(agreement=0.95, lowest_cosine=0.9)
"""Single probabilities near a boundary may move far; ``choose`` says what it costs in accuracy."""


def compare(trained: Said, served: Said) -> Parity:
    """Compare two. Raises ``ValueError`` where they are not of the same texts and labels, or not numbers."""
    for one, other in (
        (trained.probabilities, served.probabilities),
        (trained.sentences, served.sentences),
    ):
        if one.shape != other.shape or not len(one):
            raise ValueError(
                f"parity compares arrays of one shape with rows, not {one.shape} and {other.shape}"
            )
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            raise ValueError("parity compares numbers, and there are some that are none (NaN)")
    differences = np.abs(trained.probabilities.astype(np.float64) - served.probabilities)
    same = trained.probabilities.argmax(axis=1) == served.probabilities.argmax(axis=1)
    one, other = trained.sentences.astype(np.float64), served.sentences.astype(np.float64)
    cosines = (one * other).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))
    return Parity(
        texts=len(same),
        largest_difference=round(float(differences.max()), 6),
        agreement=round(float(same.mean()), 5),
        lowest_cosine=round(float(cosines.min()), 5),
    )


def report(
    trained: Said, served: Mapping[str, Said], limits: Mapping[str, Limits]
) -> dict[str, dict[str, Any]]:
    """Compare each form that is served with what was trained; give it for a manifest.

    Raises ``ValueError`` naming the form that is further apart than its ``limits`` allow.
    """
    found = {}
    for name, said in served.items():
        parity, limit = compare(trained, said), limits[name]
        if (
            parity.largest_difference > limit.largest_difference
            or parity.agreement < limit.agreement
            or parity.lowest_cosine < limit.lowest_cosine
        ):
            raise ValueError(
                f"{name} says something else than what was trained: {asdict(parity)}, allowed are"
                f" {asdict(limit)}"
            )
        found[name] = asdict(parity)
    return found
