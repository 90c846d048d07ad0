"""Draws an explanation: bars of what each part added, and heat over the pictures' regions."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.context import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".svg", ".pdf")

_FOR, _AGAINST, _INK, _FAINT = "#0f9d94", "#d9603b", "#1f2933", "#9aa5b1"
_PICTURES_A_ROW = 2


def draw(
    title: str,
    contributions: Sequence[tuple[str, float]],
    regions: Mapping[int, Sequence[Sequence[float]]],
    images: Sequence[bytes],
    out: Path,
) -> None:
    """Write the drawing in the format that the file's name ends with.

    ``contributions`` are named parts, drawn in their order; ``regions`` the rows of
    a picture's grid, by the picture's place from 0; ``images`` the pictures, encoded. A
    grid without a picture is drawn alone.

    UsageError without matplotlib, and for an image that cannot be read.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UsageError(
            "Drawing needs matplotlib: install Frontdesk's extra `drawing`, in a clone by"
            " pip install '.[drawing]'."
        ) from error
    shown = sorted({*regions, *range(len(images))})
    rows = -(-len(shown) // _PICTURES_A_ROW)
    columns = min(len(shown), _PICTURES_A_ROW)
    height = max(0.5 * len(contributions) + 1.4, 3.6 * rows)
    figure = Figure(figsize=(6.4 + 3.6 * columns, height), dpi=150, layout="constrained")
    figure.suptitle(f"Why {title}", x=0.02, ha="left", fontsize=12, fontweight="bold", color=_INK)
    grid = figure.add_gridspec(max(rows, 1), 1 + columns, width_ratios=[6.4, *[3.6] * columns])
    inches_a_bar = (height - 1.2) / max(len(contributions), 1)
    _draw_bars(figure.add_subplot(grid[:, 0]), contributions, thickness=min(0.6, 0.4 / inches_a_bar))
    for place, index in enumerate(shown):
        row, column = divmod(place, _PICTURES_A_ROW)
        axes = figure.add_subplot(grid[row, 1 + column])
        image = images[index] if index < len(images) else None
        _draw_picture(axes, index, image, regions.get(index))
    figure.savefig(out)


def signed(value: float) -> str:
    """Write a contribution with its sign; what rounds to nothing as ``+0.00``."""
    return f"{round(value, 2) + 0.0:+.2f}"


def _draw_bars(axes: "Axes", contributions: Sequence[tuple[str, float]], *, thickness: float) -> None:
    values = [value for _, value in contributions]
    places = range(len(values))
    axes.barh(places, values, color=[_FOR if value >= 0 else _AGAINST for value in values], height=thickness)
    axes.set_yticks(places, [name for name, _ in contributions])
    axes.invert_yaxis()
    axes.axvline(0, color=_INK, linewidth=0.8)
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.16 * (high - low or 1.0)
    axes.set_xlim(low - (room if low else 0.0), high + room)
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            signed(value),
            (value, place),
            xytext=(4 if value >= 0 else -4, 0),
            textcoords="offset points",
            ha="left" if value >= 0 else "right",
            va="center",
            color=_INK,
        )
    axes.set_xlabel("added to the probability (what is lost without it)", color=_INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_picture(
    axes: "Axes", index: int, image: bytes | None, rows: Sequence[Sequence[float]] | None
) -> None:
    width, height = (rows and len(rows[0])) or 1, (rows and len(rows)) or 1
    if image is not None:
        picture = _upright(image)
        width, height = picture.size
        axes.imshow(picture, extent=(0, width, height, 0))
    most = 0.0
    if rows:
        most = max(abs(value) for row in rows for value in row) or 1.0
        _draw_heat(axes, rows, most, (width, height), opacity=0.8 if image is None else 0.35)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(_FAINT)
    heading = f"picture {index + 1}"
    axes.set_title(f"{heading}, up to {most:.2f} a region" if rows else heading, fontsize=10, color=_INK)


def _upright(image: bytes) -> Any:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        return ImageOps.exif_transpose(Image.open(io.BytesIO(image))).convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UsageError(
            "An --image cannot be read: name the JPEG, PNG or WebP that the turn had."
        ) from error


def _draw_heat(
    axes: "Axes",
    rows: Sequence[Sequence[float]],
    most: float,
    size: tuple[float, float],
    *,
    opacity: float,
) -> None:
    """Shade each region in the bars' colours, the more the stronger, so that the picture stays visible."""
    from matplotlib.patches import Rectangle

    width, height = size[0] / len(rows[0]), size[1] / len(rows)
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            share = abs(value) / most
            colour = _FOR if value >= 0 else _AGAINST
            place = (column * width, row * height)
            axes.add_patch(
                Rectangle(place, width, height, facecolor=colour, alpha=opacity * share, linewidth=0)
            )
            if share > 0.25:
                inset = (place[0] + 0.03 * width, place[1] + 0.03 * height)
                frame = Rectangle(inset, 0.94 * width, 0.94 * height, fill=False, edgecolor=colour)
                frame.set(linewidth=1.8 * share, alpha=share)
                axes.add_patch(frame)
