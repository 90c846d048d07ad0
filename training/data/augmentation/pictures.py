"""How pictures become a vision encoder's input: plainly, or by chance cropped, coloured and flipped."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import timm.data
import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True, slots=True)
class PictureInput:
    """What an encoder expects, and how far training strays from it (``timm.data.create_transform``)."""

    size: int = 224
    """Side, in pixels."""
    mean: tuple[float, float, float] = timm.data.IMAGENET_DEFAULT_MEAN
    std: tuple[float, float, float] = timm.data.IMAGENET_DEFAULT_STD
    interpolation: str = "bicubic"
    crop: float = 0.875
    """Share of the picture's side that is seen plainly."""
    scale: tuple[float, float] = (0.5, 1.0)
    """Share of the area that a random crop takes."""
    color: float = 0.3
    """Jitter of brightness, contrast and saturation, to either side."""
    flip: float = 0.5
    """Chance of a mirror image; 0 where writing matters."""
    erase: float = 0.0
    """Chance that a rectangle is erased (Zhong et al., AAAI 2020)."""

    @classmethod
    def of_model(cls, model: Any) -> "PictureInput":
        """Give the input that a timm model was trained with."""
        config = timm.data.resolve_model_data_config(model)
        return cls(
            size=config["input_size"][-1],
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            interpolation=config["interpolation"],
            crop=config["crop_pct"],
        )


class PictureTransform:
    """Gives ``[3, size, size]`` float32 of an RGB picture; by chance where ``training``."""

    def __init__(self, given: PictureInput, training: bool) -> None:
        self._training = training
        chances = {
            "scale": given.scale,
            "color_jitter": given.color,
            "hflip": given.flip,
            "re_prob": given.erase,
        }
        self._transform: Callable[[Image.Image], Tensor] = timm.data.create_transform(
            given.size,
            is_training=training,
            mean=given.mean,
            std=given.std,
            interpolation=given.interpolation,
            crop_pct=given.crop,
            **(chances if training else {}),
        )

    def __call__(self, picture: Image.Image, rng: np.random.Generator) -> Tensor:
        """Transform one picture; all chance is ``rng``'s, and the process's own is left as it was."""
        if not self._training:
            return self._transform(picture)
        # timm draws from the module random, torchvision from torch.
        with _ALONE, torch.random.fork_rng(devices=[]):
            before = random.getstate()
            torch.manual_seed(int(rng.integers(1 << 62)))
            random.seed(int(rng.integers(1 << 62)))
            try:
                return self._transform(picture)
            finally:
                random.setstate(before)


_ALONE = threading.Lock()
"""Held while the process's own chance is borrowed."""
