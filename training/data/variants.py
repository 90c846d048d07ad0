"""A picture as customers take it: on a desk, at an angle, in some light, with some camera.

What is drawn for held-out variants (backgrounds, ranges) differs from what is drawn for training.
"""

import io
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

LONGER_SIDE = 720
"""Of a variant, in pixels, at most."""

_Floats = npt.NDArray[np.float32]
_Random = np.random.Generator
_Range = tuple[float, float]
_Ground = Callable[[_Random, int, int], _Floats]


@dataclass(frozen=True, slots=True)
class _Ranges:
    margin: _Range
    """Background around the picture, as a share of its side; negative crops it."""
    turn: _Range
    """Rotation in degrees, to either side."""
    lean: _Range
    """How far a corner moves in perspective, as a share of the side."""
    exposure: _Range
    warmth: _Range
    """Red against blue, 0 neutral, to either side."""
    contrast: _Range
    blur: _Range
    """Gaussian radius in pixels."""
    noise: _Range
    """Standard deviation in gray levels."""
    quality: tuple[int, int]
    glare: _Range
    """Strength of a bright patch, 0 none."""
    vignette: _Range


_TRAINING = _Ranges(
    margin=(-0.06, 0.16),
    turn=(0.0, 9.0),
    lean=(0.0, 0.07),
    exposure=(0.7, 1.22),
    warmth=(0.0, 0.12),
    contrast=(0.82, 1.15),
    blur=(0.0, 1.3),
    noise=(0.0, 7.0),
    quality=(45, 95),
    glare=(0.0, 0.32),
    vignette=(0.0, 0.3),
)
_HELD_OUT = _Ranges(
    margin=(-0.04, 0.13),
    turn=(1.5, 8.0),
    lean=(0.02, 0.065),
    exposure=(0.74, 1.2),
    warmth=(0.02, 0.11),
    contrast=(0.85, 1.12),
    blur=(0.2, 1.2),
    noise=(1.0, 6.5),
    quality=(50, 90),
    glare=(0.05, 0.3),
    vignette=(0.05, 0.28),
)


def variant(picture: Image.Image, seed: int, held_out: bool) -> Image.Image:
    """Give the picture as another photograph of it; the same arguments give the same pixels.

    RGB, its longer side 720 pixels at most. Held-out variants lie on other backgrounds and come
    from another random stream, so that none of them is a training variant.
    """
    fitted = _fitted(picture.convert("RGB"))
    # With the picture's own digest, pictures do not share their draws seed by seed.
    random = np.random.default_rng((seed, int(held_out), zlib.crc32(fitted.tobytes())))
    ranges = _HELD_OUT if held_out else _TRAINING
    grounds = _HELD_OUT_GROUNDS if held_out else _TRAINING_GROUNDS
    taken = _laid(fitted, grounds[int(random.integers(len(grounds)))], ranges, random)
    pixels = np.asarray(taken, dtype=np.float32)
    pixels = _lit(pixels, ranges, random)
    lit = Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
    lit = lit.filter(ImageFilter.GaussianBlur(random.uniform(*ranges.blur)))
    noisy = np.asarray(lit, dtype=np.float32)
    level = np.float32(random.uniform(*ranges.noise))
    noisy = noisy + random.standard_normal(noisy.shape, dtype=np.float32) * level
    final = Image.fromarray(np.clip(noisy + 0.5, 0, 255).astype(np.uint8))
    low, high = ranges.quality
    return _saved(final, int(random.integers(low, high + 1)))


def _fitted(picture: Image.Image) -> Image.Image:
    fitted = picture.copy()
    fitted.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    return fitted


def _saved(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as saved:
        return saved.convert("RGB")


def _either(random: _Random, bounds: _Range) -> float:
    return random.uniform(*bounds) * float(random.choice((-1.0, 1.0)))


def _laid(picture: Image.Image, ground: _Ground, ranges: _Ranges, random: _Random) -> Image.Image:
    width, height = picture.size
    margin = random.uniform(*ranges.margin)
    angle = math.radians(_either(random, ranges.turn))
    scale = 1.0 / (1.0 + 2.0 * margin)
    shift_x, shift_y = (random.uniform(-0.5, 0.5) * max(margin, 0.0) * side for side in (width, height))
    corners = []
    for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        px = (x - math.copysign(random.uniform(*ranges.lean), x)) * width * scale
        py = (y - math.copysign(random.uniform(*ranges.lean), y)) * height * scale
        turned_x = px * math.cos(angle) - py * math.sin(angle)
        turned_y = px * math.sin(angle) + py * math.cos(angle)
        corners.append((width / 2 + turned_x + shift_x, height / 2 + turned_y + shift_y))
    around = Image.fromarray(np.clip(ground(random, width, height), 0, 255).astype(np.uint8))
    source = [(0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, float(height))]
    coefficients = _perspective(corners, source)
    size = (width, height)
    mask = Image.new("L", size, 255).transform(
        size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC
    )
    laid = picture.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    dark = Image.new("RGB", size, (0, 0, 0))
    shadow = mask.filter(ImageFilter.GaussianBlur(9)).point(lambda value: value * 0.4)
    around = Image.composite(dark, around, shadow)
    return Image.composite(laid, around, mask)


def _perspective(
    to_points: list[tuple[float, float]], from_points: list[tuple[float, float]]
) -> tuple[float, ...]:
    """Give Pillow's eight coefficients: where each output pixel comes from in the source."""
    rows, values = [], []
    for (x, y), (u, v) in zip(to_points, from_points, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(np.linalg.solve(np.asarray(rows, np.float64), np.asarray(values, np.float64)).tolist())


def _lit(pixels: _Floats, ranges: _Ranges, random: _Random) -> _Floats:
    height, width = pixels.shape[:2]
    xs, ys = _grid(width, height)
    xs, ys = xs / width - 0.5, ys / height - 0.5
    warmth = _either(random, ranges.warmth)
    contrast = random.uniform(*ranges.contrast)
    lit: _Floats = (pixels - 128.0) * contrast + 128.0
    lit = lit * random.uniform(*ranges.exposure)
    lit = lit * np.asarray((1.0 + warmth, 1.0, 1.0 - warmth), np.float32)
    slope = random.uniform(0.0, 2.0 * math.pi)
    strength = random.uniform(0.0, 0.24)
    lit = lit * (1.0 + strength * (xs * math.cos(slope) + ys * math.sin(slope)))[..., None]
    lit = lit * (1.0 - random.uniform(*ranges.vignette) * 2.0 * (xs**2 + ys**2))[..., None]
    center_x, center_y = random.uniform(-0.5, 0.5), random.uniform(-0.5, 0.5)
    size = random.uniform(0.08, 0.2)
    patch: _Floats = np.exp(-((xs - center_x) ** 2 + (ys - center_y) ** 2) / (2 * size**2))
    return lit + (patch * random.uniform(*ranges.glare) * 255.0)[..., None]


# Backgrounds: what a picture lies on


def _grid(width: int, height: int) -> tuple[_Floats, _Floats]:
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    return xs, ys


def _smooth(random: _Random, width: int, height: int, cells: tuple[int, int]) -> _Floats:
    coarse = random.random((max(cells[1], 2), max(cells[0], 2))).astype(np.float32) * 255
    image = Image.fromarray(coarse.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32)[..., None] / np.float32(127.5) - np.float32(1.0)


def _wood(random: _Random, width: int, height: int) -> _Floats:
    tones = ((176, 128, 82), (120, 80, 50), (206, 170, 124), (92, 64, 46))
    tone = np.asarray(tones[int(random.integers(len(tones)))], np.float32)
    grain = _smooth(random, width, height, (5, 70)) * 16 + _smooth(random, width, height, (9, 200)) * 9
    return tone + grain + _smooth(random, width, height, (4, 3)) * 10


def _cloth(random: _Random, width: int, height: int) -> _Floats:
    tone: _Floats = random.uniform(70, 200, 3).astype(np.float32)
    xs, ys = _grid(width, height)
    weave: _Floats = (np.sin(xs * 1.3) + np.sin(ys * 1.3))[..., None] * 7
    woven: _Floats = tone + weave + _smooth(random, width, height, (6, 5)) * 16
    return woven


def _plain(random: _Random, width: int, height: int) -> _Floats:
    tone = np.full(3, random.uniform(60, 235), np.float32) + random.uniform(-14, 14, 3).astype(np.float32)
    return tone + _smooth(random, width, height, (3, 3)) * 18


def _marble(random: _Random, width: int, height: int) -> _Floats:
    tone = random.uniform(168, 226)
    veins = np.abs(_smooth(random, width, height, (7, 9)) + 0.6 * _smooth(random, width, height, (17, 15)))
    veined: _Floats = np.asarray((tone, tone, tone + 4), np.float32) - 70.0 * np.exp(-veins * 9.0)
    return veined


def _tiles(random: _Random, width: int, height: int) -> _Floats:
    tone = random.uniform(90, 200, 3).astype(np.float32)
    xs, ys = _grid(width, height)
    side, across = int(random.integers(70, 150)), int(random.integers(0, 70))
    joint = (((xs + across) % side) < 5) | (((ys + across) % side) < 5)
    tiled: _Floats = (
        tone - joint[..., None].astype(np.float32) * 46 + _smooth(random, width, height, (12, 12)) * 10
    )
    return tiled


def _stripes(random: _Random, width: int, height: int) -> _Floats:
    one, other = (random.uniform(70, 220, 3).astype(np.float32) for _ in range(2))
    xs, ys = _grid(width, height)
    slope, period = random.uniform(0, math.pi), random.uniform(24, 70)
    share = (np.sin((xs * math.cos(slope) + ys * math.sin(slope)) * 2 * math.pi / period) > 0)[..., None]
    return np.where(share, one, other).astype(np.float32)


_TRAINING_GROUNDS = (_wood, _cloth, _plain)
_HELD_OUT_GROUNDS = (_marble, _tiles, _stripes)
