"""What the deletion test asks about: held-out texts and pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from services.dialogue.domain.types import Domain
from services.dialogue.fused import PictureFeatures
from services.vision.model import VISION_ENCODER
from training.data.sets import read_set
from training.explain.attribution import ExplainError
from training.fusion.sources import variant_features
from training.vision.encoder import ImageEncoder
from training.vision.features import CachedPictureFeatures
from training.vision.photographs import opened

LOOKS = 2
"""Held-out variants of each picture of a domain."""


def texts_of_set(name: str, data: Path, split: str) -> list[str]:
    """Give the texts of a public set's split.

    Raises ``DataError`` for what cannot be read, ``ExplainError`` for an empty split.
    """
    texts = [example.text for example in read_set(name, data).split(split) if example.text.strip()]
    if not texts:
        raise ExplainError(f"{name} has no texts in its split {split}: name another")
    return texts


def chosen(texts: Sequence[str], most: int, seed: int) -> list[str]:
    """Give at most ``most`` of the texts, the same ones for the same seed."""
    order = np.random.default_rng(seed).permutation(len(texts))[:most]
    return [texts[int(place)] for place in order]


def looks_of_domain(domain: Domain, repository: Path, most: int, seed: int) -> Iterator[PictureFeatures]:
    """Give held-out variants of a domain's pictures, without the words in them.

    Raises ``ExplainError`` for a domain without pictures.
    """
    if not domain.pictures:
        raise ExplainError(f"{domain.name} has no pictures to test on")
    encoder = CachedPictureFeatures.beside(repository, threads=1)
    every = [(picture, look) for picture in domain.pictures for look in range(LOOKS)]
    for place in np.random.default_rng(seed).permutation(len(every))[:most]:
        picture, look = every[int(place)]
        seen = variant_features(encoder, picture, look, held_out=True)
        yield PictureFeatures(seen.pooled.astype(np.float32), seen.regions.astype(np.float32))


def photograph(path: Path, repository: Path) -> PictureFeatures:
    """Embed one picture as serving does. Raises ``ExplainError`` for a file that is none."""
    try:
        image = opened(path)
    except OSError as error:
        raise ExplainError(f"{path}: cannot be read as a picture: {error}") from error
    pooled, regions = ImageEncoder(repository / VISION_ENCODER.name / "1").embed([image])
    return PictureFeatures(pooled[0], regions[0])
