"""A model whose explanation is known: each part adds its weight to the logit of the second label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class LinearSubject:
    """``weights`` float[parts]."""

    def __init__(self, weights: Sequence[float]) -> None:
        self.weights = np.array(weights, np.float64)
        self.calls = 0

    @property
    def parts(self) -> Sequence[str]:
        return [f"part {place}" for place in range(len(self.weights))]

    def probabilities(self, hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
        self.calls += 1
        logits = np.where(hidden, 0.0, self.weights).sum(axis=1)
        second = 1.0 / (1.0 + np.exp(-logits))
        return np.column_stack([1.0 - second, second])
