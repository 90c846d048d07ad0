"""Pictures that belong to nothing, so that not everything is taken for something known."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp")
_LETTERS: Final = "abcdefghijklmnoprstuvwy     "
_SIDES: Final = (240, 480)


def drawn(seed: int) -> Image.Image:
    """Draw a picture of nothing in particular: noise, a gradient, shapes, or a page of meaningless words.

    RGB, 240 to 480 pixels wide and high; the same seed gives the same picture.
    """
    rng = np.random.default_rng([20, seed])
    return (_noise, _gradient, _shapes, _page)[seed % 4](rng)


def photographs(folders: Iterable[Path], most: int) -> list[Path]:
    """Give at most ``most`` pictures of each folder and what is under it, evenly spread over it, in order."""
    found: list[Path] = []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        found += [files[int(at)] for at in np.linspace(0, len(files) - 1, min(most, len(files)))]
    return found


def _size(rng: np.random.Generator) -> tuple[int, int]:
    width, height = rng.integers(*_SIDES, 2)
    return int(width), int(height)


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3)
    return int(red), int(green), int(blue)


def _noise(rng: np.random.Generator) -> Image.Image:
    width, height = _size(rng)
    cell = int(rng.choice([1, 1, 4, 16, 48]))
    small = rng.integers(0, 256, (height // cell + 1, width // cell + 1, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR)


def _gradient(rng: np.random.Generator) -> Image.Image:
    corners = rng.integers(0, 256, (2, 2, 3), np.uint8)
    return Image.fromarray(corners).resize(_size(rng), Image.Resampling.BILINEAR)


def _shapes(rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", _size(rng), _color(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 14))):
        left, top = rng.integers(-40, image.width), rng.integers(-40, image.height)
        box = [left, top, left + rng.integers(8, image.width), top + rng.integers(8, image.height)]
        shape = rng.choice(3)
        if shape == 0:
            draw.rectangle([int(side) for side in box], fill=_color(rng))
        elif shape == 1:
            draw.ellipse([int(side) for side in box], fill=_color(rng))
        else:
            draw.rounded_rectangle([int(side) for side in box], radius=12, fill=_color(rng))
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 2))))


def _page(rng: np.random.Generator) -> Image.Image:
    paper = tuple(int(side) for side in rng.integers(200, 256, 3))
    if rng.random() < 0.3:
        paper = tuple(255 - side for side in paper)
    image = Image.new("RGB", _size(rng), paper)
    draw = ImageDraw.Draw(image)
    ink = tuple(255 - side for side in paper)
    at = 10.0
    while at < image.height - 20:
        size = float(rng.uniform(10, 34))
        line = "".join(rng.choice(list(_LETTERS), int(rng.integers(4, 40))))
        draw.text((int(rng.integers(5, 60)), int(at)), line, fill=ink, font=ImageFont.load_default(size))
        at += size * float(rng.uniform(1.1, 2.5))
    return image
