"""A drawing surface with shading: shapes are masks, paints are gradients, edges are smooth.

Coordinates are pixels of the finished picture, from its top left corner.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.pictures.fonts import font

SCALE = 2
"""Times that a picture is drawn larger than it is saved, for smooth edges."""

Color = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Mask = Image.Image


def mix(one: Color, other: Color, share: float) -> Color:
    """Give the color between two, ``share`` (0 to 1) of the way to ``other``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def darker(color: Color, share: float) -> Color:
    """Give a color with ``share`` (0 to 1) of black in it."""
    return mix(color, (0, 0, 0), share)


def lighter(color: Color, share: float) -> Color:
    """Give a color with ``share`` (0 to 1) of white in it."""
    return mix(color, (255, 255, 255), share)


@dataclass(frozen=True, slots=True)
class Linear:
    """A gradient from ``start`` to ``end``, along the line between two points."""

    start: Color
    end: Color
    from_point: Point
    to_point: Point


@dataclass(frozen=True, slots=True)
class Radial:
    """A gradient from ``inner`` at ``center`` to ``outer`` at ``radius`` and beyond."""

    inner: Color
    outer: Color
    center: Point
    radius: float


Paint = Color | Linear | Radial


def down(top: Color, bottom: Color, box: Box) -> Linear:
    """Give a gradient from a box's top to its bottom."""
    return Linear(top, bottom, (box[0], box[1]), (box[0], box[3]))


def across(left: Color, right: Color, box: Box) -> Linear:
    """Give a gradient from a box's left to its right."""
    return Linear(left, right, (box[0], box[1]), (box[2], box[1]))


@dataclass(slots=True)
class Canvas:
    """One picture in the making; ``words`` collects the lines of text drawn, in order."""

    width: int
    height: int
    words: list[str] = field(default_factory=list)
    _image: Image.Image = field(init=False, repr=False)
    _origin: Point = (0.0, 0.0)
    _zoom: float = 1.0

    def __post_init__(self) -> None:
        self._image = Image.new("RGB", (self.width * SCALE, self.height * SCALE), (255, 255, 255))

    def finished(self) -> Image.Image:
        """Give the picture in its final size."""
        return self._image.resize((self.width, self.height), Image.Resampling.LANCZOS)

    @contextmanager
    def placed(self, center: Point, zoom: float = 1.0) -> Iterator[None]:
        """Within the block, coordinates count from ``center``, ``zoom`` times larger."""
        (x, y), size = before = self._origin, self._zoom
        self._origin, self._zoom = (x + center[0] * size, y + center[1] * size), size * zoom
        try:
            yield
        finally:
            self._origin, self._zoom = before

    def _at(self, x: float, y: float) -> Point:
        return (self._origin[0] + x * self._zoom) * SCALE, (self._origin[1] + y * self._zoom) * SCALE

    def _length(self, value: float) -> float:
        return value * self._zoom * SCALE

    def _box(self, left: float, top: float, right: float, bottom: float) -> list[float]:
        return [*self._at(left, top), *self._at(right, bottom)]

    # Shapes

    def _blank(self) -> tuple[Mask, ImageDraw.ImageDraw]:
        mask = Image.new("L", self._image.size, 0)
        return mask, ImageDraw.Draw(mask)

    def whole(self) -> Mask:
        """Give the mask of the whole picture."""
        return Image.new("L", self._image.size, 255)

    def rounded(self, box: Box, radius: float) -> Mask:
        """Give a rectangle with round corners."""
        mask, draw = self._blank()
        draw.rounded_rectangle(self._box(*box), self._length(radius), fill=255)
        return mask

    def ellipse(self, center: Point, radius_x: float, radius_y: float | None = None) -> Mask:
        """Give an ellipse, a circle where one radius is given."""
        mask, draw = self._blank()
        x, y = center
        ry = radius_x if radius_y is None else radius_y
        draw.ellipse(self._box(x - radius_x, y - ry, x + radius_x, y + ry), fill=255)
        return mask

    def ring(self, center: Point, radius_x: float, radius_y: float, width: float) -> Mask:
        """Give an ellipse's outline, ``width`` wide, its outer edge at the radii."""
        flat = width * radius_y / radius_x
        return ImageChops.subtract(
            self.ellipse(center, radius_x, radius_y),
            self.ellipse(center, radius_x - width, radius_y - flat),
        )

    def polygon(self, points: Sequence[Point]) -> Mask:
        """Give a polygon."""
        mask, draw = self._blank()
        draw.polygon([self._at(x, y) for x, y in points], fill=255)
        return mask

    def stroke(self, points: Sequence[Point], width: float) -> Mask:
        """Give a line through points with round ends."""
        mask, draw = self._blank()
        scaled = [self._at(x, y) for x, y in points]
        radius = self._length(width) / 2
        draw.line(scaled, fill=255, width=round(2 * radius), joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
        return mask

    def arc(self, center: Point, radius: float, width: float, start: float, end: float) -> Mask:
        """Give a part of a circle's outline, in degrees clockwise from the right."""
        mask, draw = self._blank()
        x, y = center
        outer = radius + width / 2
        box = self._box(x - outer, y - outer, x + outer, y + outer)
        draw.arc(box, start, end, fill=255, width=round(self._length(width)))
        return mask

    # Painting

    def fill(self, mask: Mask, paint: Paint, opacity: float = 1.0) -> None:
        """Paint what the mask covers."""
        if opacity < 1.0:
            mask = mask.point(lambda value: value * opacity)
        box = mask.getbbox()
        if box is None:
            return
        if isinstance(paint, tuple):
            self._image.paste(paint, box, mask.crop(box))
        else:
            self._image.paste(self._painted(paint, box), box, mask.crop(box))

    def backdrop(self, paint: Paint) -> None:
        """Paint the whole picture."""
        self.fill(self.whole(), paint)

    def shadow(self, mask: Mask, shift: Point, blur: float, strength: float) -> None:
        """Darken softly where the mask would cast a shadow; ``strength`` from 0 to 1."""
        moved = Image.new("L", mask.size, 0)
        moved.paste(mask, (round(self._length(shift[0])), round(self._length(shift[1]))))
        self.fill(moved.filter(ImageFilter.GaussianBlur(self._length(blur))), (10, 12, 18), strength)

    def glow(self, mask: Mask, color: Color, blur: float, strength: float) -> None:
        """Add light of a color around the mask."""
        soft = mask.filter(ImageFilter.GaussianBlur(self._length(blur))).point(
            lambda value: min(value * 1.6, 255)
        )
        self.fill(soft, color, strength)

    def texture(self, mask: Mask, seed: int, strength: float, grain: float = 1.0) -> None:
        """Roughen what the mask covers, as fabric or matte plastic; ``strength`` in gray levels."""
        box = mask.getbbox()
        if box is None:
            return
        size = (box[3] - box[1], box[2] - box[0])
        rough = np.random.default_rng(seed).normal(128.0, 40.0, size).clip(0, 255).astype(np.uint8)
        soft = Image.fromarray(rough).filter(ImageFilter.GaussianBlur(grain))
        noise = np.asarray(soft, dtype=np.float32)[..., None]
        noise = (noise - noise.mean()) / max(float(noise.std()), 1e-6) * strength
        base = np.asarray(self._image.crop(box), dtype=np.float32)
        rough_image = Image.fromarray(np.clip(base + noise, 0, 255).astype(np.uint8))
        self._image.paste(rough_image, box, mask.crop(box))

    def text(
        self,
        at: Point,
        line: str,
        size: float,
        color: Color = (30, 34, 40),
        weight: int = 400,
        anchor: str = "ls",
    ) -> float:
        """Write a line, by default from its baseline's left end, and give its width in pixels.

        ``anchor`` is Pillow's: horizontal l, m or r, then vertical s for the baseline or m for the middle.
        """
        self.words.append(line)
        draw = ImageDraw.Draw(self._image)
        written = font(round(self._length(size)), weight)
        draw.text(self._at(*at), line, fill=color, font=written, anchor=anchor)
        return draw.textlength(line, font=written) / self._length(1.0)

    def _painted(self, paint: Linear | Radial, box: tuple[int, int, int, int]) -> Image.Image:
        ys, xs = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
        share: npt.NDArray[np.float32]
        if isinstance(paint, Linear):
            (x0, y0), (x1, y1) = self._at(*paint.from_point), self._at(*paint.to_point)
            length = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-6)
            share = ((xs - x0) * (x1 - x0) + (ys - y0) * (y1 - y0)) / length
            first, last = paint.start, paint.end
        else:
            x, y = self._at(*paint.center)
            share = np.hypot(xs - x, ys - y) / self._length(paint.radius)
            first, last = paint.inner, paint.outer
        share = np.clip(share, 0.0, 1.0)[..., None]
        colors = np.asarray(first, np.float32) * (1 - share) + np.asarray(last, np.float32) * share
        return Image.fromarray(np.clip(colors + 0.5, 0, 255).astype(np.uint8))
