"""Why a turn was decided as it was. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Modality(StrEnum):
    """A part of what a customer sends."""

    SPEECH = "SPEECH"
    ACOUSTIC = "ACOUSTIC"
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    IMAGE_TEXT = "IMAGE_TEXT"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a turn; ``image_index`` tells a turn's pictures apart, from 0."""

    modality: Modality
    image_index: int = 0


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one part did for the decision.

    ``probability_without`` it lies in 0 to 1, ``contribution`` is what it added, -1
    to 1. ``passage_id_without`` would have been best without it ("": none).
    """

    part: Part
    probability_without: float
    contribution: float
    passage_id_without: str


@dataclass(frozen=True, slots=True)
class RegionContributions:
    """What each region of a picture added, row by row, -1 to 1."""

    image_index: int
    rows: int
    columns: int
    contributions: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is explained, and by what.

    ``probability``, 0 to 1, is that of the passage, or of the intent where
    ``passage_id`` is empty, with everything that the turn had. ``contributions``
    are sorted by how far each part moved it.
    """

    passage_id: str
    intent: str
    probability: float
    contributions: tuple[Contribution, ...]
    regions: tuple[RegionContributions, ...] = ()
