"""Keeps what the encoder makes of pictures, so that training again embeds no picture twice."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.vision.model import VISION_ENCODER
from training.vision.encoder import ImageEncoder


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a picture looks: ``pooled`` float16 ``[1280]``, ``regions`` float16 ``[49, 1280]``, row by row."""

    pooled: NDArray[np.float16]
    regions: NDArray[np.float16]


class CachedPictureFeatures:
    """An ``ImageEncoder`` that embeds no picture twice.

    One float16 file for each picture, in a folder for each state of the encoder's files.
    """

    def __init__(self, encoder: ImageEncoder, folder: Path) -> None:
        self.embedding_model = encoder.embedding_model
        self._encoder = encoder
        self._folder = folder / encoder.fingerprint[:16]

    @classmethod
    def beside(cls, repository: Path, threads: int = 2) -> Self:
        """Run the encoder of a model repository, keeping what it makes in ``picture_features`` beside it."""
        encoder = ImageEncoder(repository / VISION_ENCODER.name / "1", threads)
        return cls(encoder, repository.with_name("picture_features"))

    def __call__(self, identity: bytes, make: Callable[[], Image.Image]) -> Appearance:
        """Embed a picture; ``make`` gives it, upright and RGB, and is only called when it is new.

        ``identity`` says which picture it is: all that decides its pixels.
        """
        name = hashlib.sha256(identity).hexdigest()
        file = self._folder / name[:2] / f"{name}.npy"
        if not file.is_file():
            pooled, regions = self._encoder.embed([make()])
            rows = np.vstack([regions[0], pooled]).astype(np.float16)
            file.parent.mkdir(parents=True, exist_ok=True)
            # Another training may read or write at the same time: what stands there is always whole.
            written = file.with_name(f".{name}.{os.getpid()}.npy")
            np.save(written, rows)
            written.replace(file)
        rows = np.load(file)
        return Appearance(pooled=rows[-1], regions=rows[:-1])
