"""A picture as regions that can be left out, on a domain's exported models.

As in explained turns, a region is left out of what the encoder made of the picture: its
vector is zeroed and taken out of the pooled one, their mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.dialogue.fused import PictureFeatures
from services.vision.model import REGION_COLUMNS, REGION_ROWS, REGIONS
from training.explain.attribution import ExplainError

PicturePredictor: TypeAlias = Callable[[Sequence[PictureFeatures]], NDArray[Any]]
"""Pictures to the probabilities of labels, ``[pictures, labels]``."""


class RegionSubject:
    """A picture of 7 x 7 regions for ``attribute``; ``ExplainError`` where it has none."""

    def __init__(self, picture: PictureFeatures, predict: PicturePredictor) -> None:
        self._predict = predict
        self._picture = picture
        if picture.regions is None or len(picture.regions) != REGIONS:
            raise ExplainError(f"the picture has no {REGIONS} regions")
        self._regions = picture.regions.astype(np.float32)

    @property
    def parts(self) -> Sequence[str]:
        """Name the regions row by row, counted from 1."""
        return [f"row {row + 1}, column {c + 1}" for row in range(REGION_ROWS) for c in range(REGION_COLUMNS)]

    def probabilities(self, hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Ask about all versions in one call."""
        versions = []
        for row in hidden:
            kept = np.where(row[:, None], np.float32(0), self._regions)
            versions.append(replace(self._picture, regions=kept, pooled=kept.mean(axis=0)))
        return np.asarray(self._predict(versions), np.float64)


def as_grid(contributions: Sequence[float]) -> list[list[float]]:
    """Give the regions' contributions as rows of the picture."""
    grid: list[list[float]] = np.reshape(contributions, (REGION_ROWS, REGION_COLUMNS)).tolist()
    return grid
