"""Drawings of explanations, read back as pictures."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gateway.cli.context import UsageError
from gateway.cli.drawing import draw, signed

PARTS = [("look of picture 1", 0.7), ("what was said", 0.2), ("words in picture 1", -0.1)]
GREY = 128


def picture(orientation: int = 1) -> bytes:
    """A grey picture whose left half is blue."""
    image = Image.new("RGB", (140, 140), (GREY, GREY, GREY))
    image.paste((0, 0, 255), (0, 0, 70, 140))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    return file.getvalue()


def grid(place: int, value: float = 0.3) -> list[list[float]]:
    return [[value if row * 7 + column == place else 0.0 for column in range(7)] for row in range(7)]


def drawn(out: Path) -> NDArray[np.int16]:
    return np.asarray(Image.open(out).convert("RGB")).astype(np.int16)


def different(one: NDArray[np.int16], other: NDArray[np.int16]) -> NDArray[np.int16]:
    """The places of the pixels that differ, int16 ``[n, 2]``: row, column."""
    return np.argwhere(np.abs(one - other).sum(axis=2)).astype(np.int16)


def test_heat_lies_where_the_region_is(tmp_path: Path) -> None:
    for name, place in (("first", 0), ("last", 48)):
        draw("title", PARTS, {0: grid(place)}, [picture()], tmp_path / f"{name}.png")
    first, last = drawn(tmp_path / "first.png"), drawn(tmp_path / "last.png")
    places = different(first, last)
    (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0)
    size = (bottom + 1 - top) / 7
    assert right + 1 - left == pytest.approx(7 * size, abs=3)  # the two corners of the square picture
    assert left > first.shape[1] / 2  # beside the bars
    regions = ((places - (top, left)) / size).astype(int).clip(0, 6)
    in_corners = (regions == 0).all(axis=1) | (regions == 6).all(axis=1)
    assert in_corners.mean() > 0.9  # but for the pixels at their edges
    corner = int(top + size / 2), int(left + size / 2)
    assert first[corner][1] > last[corner][1] + 20  # greener


def test_what_speaks_against_has_another_colour(tmp_path: Path) -> None:
    draw("title", PARTS, {0: grid(24, 0.3)}, [], tmp_path / "for.png")
    draw("title", PARTS, {0: grid(24, -0.3)}, [], tmp_path / "against.png")
    speaks_for, against = drawn(tmp_path / "for.png"), drawn(tmp_path / "against.png")
    middle = tuple(different(speaks_for, against).mean(axis=0).astype(int))
    assert speaks_for[middle][1] > speaks_for[middle][0]  # green
    assert against[middle][0] > against[middle][1]  # red


def test_pictures_are_drawn_upright(tmp_path: Path) -> None:
    blue = []
    for orientation in (1, 6):
        draw("title", PARTS, {}, [picture(orientation)], tmp_path / "drawing.png")
        rows, columns = np.nonzero((drawn(tmp_path / "drawing.png") == (0, 0, 255)).all(axis=2))
        blue.append((np.ptp(rows) > np.ptp(columns), np.ptp(rows), np.ptp(columns)))
    assert blue[0][0]  # its left half
    assert not blue[1][0]  # turned by a quarter: its upper half


@pytest.mark.parametrize("count", [0, 1, 8])
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_any_number_of_pictures_and_each_format(tmp_path: Path, count: int, suffix: str) -> None:
    out = tmp_path / f"drawing{suffix}"
    draw("title", PARTS, {index: grid(index) for index in range(count)}, [picture()], out)
    magic = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert out.read_bytes().startswith(magic)


def test_a_file_that_is_no_picture_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--image"):
        draw("title", PARTS, {}, [b"no picture"], tmp_path / "drawing.png")


def test_the_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"pip install '\.\[drawing\]'"):
        draw("title", PARTS, {}, [], tmp_path / "drawing.png")


def test_what_rounds_to_nothing_takes_nothing_away() -> None:
    assert [signed(value) for value in (0.714, -0.08, -0.001, 0.0)] == ["+0.71", "-0.08", "+0.00", "+0.00"]
