"""What each part of an input adds to a prediction: what is lost when the part is left out.

Occlusion of regions: Zeiler and Fergus, "Visualizing and Understanding Convolutional
Networks", 2014, section 4.2. Of words: Li, Monroe and Jurafsky, "Understanding Neural
Networks through Representation Erasure", 2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ExplainError(ValueError):
    """What cannot be explained, and what to do."""


class Subject(Protocol):
    """One input to a model that can be asked about with some of its parts left out."""

    @property
    def parts(self) -> Sequence[str]:
        """Name each part, in reading order."""
        ...

    def probabilities(self, hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Give ``[n, labels]`` for n versions; ``hidden`` ``[n, parts]`` is true where a part is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Attribution:
    """What each part adds to the probability of ``label``, the one predicted or one asked about.

    ``probability``, 0 to 1, is the label's with all parts; ``contributions``, -1 to 1,
    are what it loses without each part.
    """

    parts: tuple[str, ...]
    label: int
    probability: float
    contributions: tuple[float, ...]

    def strongest_first(self) -> list[int]:
        """Give the parts' places by what they add, most first; ties in reading order."""
        return sorted(range(len(self.parts)), key=lambda place: -self.contributions[place])


def attribute(subject: Subject, label: int | None = None) -> Attribution:
    """Attribute the probability of ``label``, by default the predicted one, to the parts of ``subject``.

    The whole input and all versions with one part left out are asked about at once.
    Raises ``ExplainError`` for an input without parts, an unknown label, and
    probabilities that are none.
    """
    count = len(subject.parts)
    if not count:
        raise ExplainError("there is nothing to leave out: the input has no words and no regions")
    hidden = np.vstack([np.zeros((1, count), np.bool_), np.eye(count, dtype=np.bool_)])
    probabilities = asked(subject, hidden)
    labels = probabilities.shape[1]
    chosen = int(probabilities[0].argmax()) if label is None else label
    if not 0 <= chosen < labels:
        raise ExplainError(f"label {chosen} is not among the model's {labels}")
    whole = float(probabilities[0, chosen])
    return Attribution(
        tuple(subject.parts), chosen, whole, tuple((whole - probabilities[1:, chosen]).tolist())
    )


def asked(subject: Subject, hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Ask about versions of an input, each version once.

    Raises ``ExplainError`` for what is no answer.
    """
    versions, places = np.unique(hidden, axis=0, return_inverse=True)
    found = np.asarray(subject.probabilities(versions), np.float64)
    if found.ndim != 2 or len(found) != len(versions):
        raise ExplainError(
            f"the model gave an array of shape {found.shape} for {len(versions)} inputs:"
            " it must be [inputs, labels]"
        )
    if not np.isfinite(found).all():
        raise ExplainError("the model gave a probability that is no number")
    answers: NDArray[np.float64] = found[places.reshape(-1)]
    return answers
