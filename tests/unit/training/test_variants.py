"""Variants of a picture: reproducible, different from each other, and still the picture."""

import numpy as np
import pytest
from PIL import Image

from training.data.variants import LONGER_SIDE, variant


def picture(width: int = 320, height: int = 240) -> Image.Image:
    made = Image.new("RGB", (width, height), (240, 240, 240))
    made.paste((200, 20, 20), (width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    return made


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other.resize(one.size), float)).mean())


@pytest.mark.parametrize("held_out", [False, True])
def test_the_same_seed_gives_the_same_pixels(held_out: bool) -> None:
    one, other = (variant(picture(), 7, held_out) for _ in range(2))

    assert one.tobytes() == other.tobytes()


def test_seeds_and_held_out_draws_differ() -> None:
    made = [variant(picture(), seed, held_out) for seed in range(6) for held_out in (False, True)]

    apart = [difference(a, b) for at, a in enumerate(made) for b in made[:at]]
    assert min(apart) > 3.0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("held_out", [False, True])
def test_the_picture_stays_what_it_is(seed: int, held_out: bool) -> None:
    taken = np.asarray(variant(picture(), seed, held_out), float)

    assert taken.shape == (240, 320, 3)
    red, green, blue = taken[90:150, 120:200].reshape(-1, 3).mean(axis=0)
    assert red > green + 60
    assert red > blue + 60
    edge = taken[[40, 200], 160].mean(axis=0)
    assert abs(edge[0] - edge[1]) < 70, "no longer near white beside the red"


def test_large_and_transparent_pictures_are_taken() -> None:
    large = variant(picture(3000, 1200), 1, False)
    assert large.size == (LONGER_SIDE, 288)

    transparent = picture().convert("RGBA")
    assert variant(transparent, 1, True).mode == "RGB"


def test_the_given_picture_is_left_as_it_is() -> None:
    given = picture()
    before = given.tobytes()

    variant(given, 3, False)

    assert given.tobytes() == before
