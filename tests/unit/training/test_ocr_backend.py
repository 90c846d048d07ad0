"""The reader's order of lines, and what it refuses."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.export.backends.ocr.reader import reading_order


def lines(*boxes: tuple[float, float, float, float], slant: float = 0.0) -> NDArray[np.float32]:
    """Corners of boxes (left, top, width, height), turned by ``slant`` degrees around the origin."""
    corners = np.array([[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h in boxes], np.float32)
    angle = np.radians(slant)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    turned: NDArray[np.float32] = corners @ turn
    return turned


PAGE = ((10, 10, 300, 20), (10, 50, 80, 20), (200, 54, 90, 20), (10, 90, 250, 20), (10, 130, 60, 20))


@pytest.mark.parametrize("slant", [-20, -8, -2, 0, 2, 8, 20])
def test_a_page_at_an_angle_is_read_from_top_to_bottom(slant: float) -> None:
    shuffled = np.random.default_rng(1).permutation(len(PAGE))

    order = reading_order(lines(*(PAGE[index] for index in shuffled), slant=slant))

    assert [int(shuffled[index]) for index in order] == [0, 1, 2, 3, 4]


def test_large_words_do_not_join_the_small_lines_beside_them_into_one_row() -> None:
    order = reading_order(lines((10, 10, 100, 20), (300, 10, 200, 100), (10, 40, 100, 20), (10, 90, 100, 20)))

    small = [index for index in order if index != 1]
    assert small == [0, 2, 3]


def test_one_line_is_an_order() -> None:
    assert reading_order(lines((0, 0, 10, 5))) == [0]
