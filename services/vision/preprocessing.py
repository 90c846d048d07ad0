"""What is done to a picture before the encoder sees it: the same in training and in serving.

Pure: no gRPC, no wire types.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.vision.model import PIXELS

_MOST_SHRINK: Final = 2.0
"""A larger picture is first averaged down to about this many times the size, which is many times faster."""


def encoder_pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the upright RGB ``picture`` as the encoder's pixels, uint8[224, 224, 3].

    The whole picture is squeezed into the square, whatever its shape: what matters may be at its edge (a
    lamp, a code), and bars beside it would cost pixels.
    """
    if picture.mode != "RGB":
        raise ValueError(f"a picture of mode {picture.mode} must be made RGB first")
    resized = picture.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC, reducing_gap=_MOST_SHRINK)
    return np.asarray(resized, np.uint8)
