"""Takes a photograph once more: another crop, another light, the other way round."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

_LARGEST: Final = 640
"""Longer side in pixels that is enough for the encoder."""


def opened(path: Path) -> Image.Image:
    """Read a photograph upright and RGB, at most 640 pixels on its longer side."""
    with Image.open(path) as image:
        image.draft("RGB", (_LARGEST, _LARGEST))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return upright


def again(photograph: Image.Image, seed: int) -> Image.Image:
    """Vary a photograph; seed 0 leaves it as it is, and the same seed varies it in the same way."""
    if seed == 0:
        return photograph
    rng = np.random.default_rng([30, seed])
    width, height = photograph.size
    share = rng.uniform(0.6, 1.0)
    wide, high = width * share, height * share
    left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
    varied = photograph.crop((int(left), int(top), int(left + wide), int(top + high)))
    if rng.random() < 0.5:
        varied = ImageOps.mirror(varied)
    varied = varied.rotate(float(rng.uniform(-12, 12)), Image.Resampling.BILINEAR, fillcolor=(128, 128, 128))
    varied = ImageEnhance.Brightness(varied).enhance(float(rng.uniform(0.75, 1.3)))
    return ImageEnhance.Color(varied).enhance(float(rng.uniform(0.8, 1.2)))
