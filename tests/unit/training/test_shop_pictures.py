"""The shop's pictures are what the code draws, can be told apart, and cover what is asked of them."""

import io
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Domain, Picture
from training.pictures.catalog import DRAWINGS

SHOP = Path(__file__).parents[3] / "domains" / "shop"


@cache
def shop() -> Domain:
    return load_domain(SHOP)


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.content)).convert("RGB")


def seen(picture: Picture) -> npt.NDArray[np.float32]:
    """As the encoder sees it."""
    return np.asarray(opened(picture).resize((224, 224), Image.Resampling.BICUBIC), np.float32)


def test_every_picture_is_drawn_and_small() -> None:
    assert {picture.id for picture in shop().pictures} == set(DRAWINGS)
    assert max(len(picture.content) for picture in shop().pictures) <= 60 * 1024


# One of each way of drawing: all of them would take a minute.
@pytest.mark.parametrize(
    "picture_id",
    [
        "brook-r6-internet-orange",
        "leaflet-t10",
        "pay-407-zh",
        "net-12",
        "upd-31",
        "label-rts",
        "receipt-refund",
    ],
)
def test_the_file_is_what_the_code_draws(picture_id: str) -> None:
    (picture,) = (picture for picture in shop().pictures if picture.id == picture_id)
    drawing = DRAWINGS[picture_id]()

    drawn = np.asarray(drawing.finished(), np.float32)
    saved = np.asarray(opened(picture), np.float32)
    assert saved.shape == drawn.shape
    assert float(np.abs(saved - drawn).mean()) < 4.0
    assert picture.words == tuple(drawing.words)


def test_states_of_a_device_differ_where_the_encoder_looks() -> None:
    panels = [picture for picture in shop().pictures if picture.kind == "device_panel"]
    pairs = [(a, b) for a, b in combinations(panels, 2) if a.product == b.product]
    assert len(pairs) >= 12
    for one, other in pairs:
        changed = np.abs(seen(one) - seen(other)).max(axis=2) > 60
        assert int(changed.sum()) >= 100, f"{one.id} and {other.id} look too much alike"


def test_lights_and_products_have_no_words_in_them() -> None:
    wordless = {picture.kind for picture in shop().pictures if not picture.words}
    assert wordless == {"device_panel", "product_view"}


def test_the_held_out_pairs_cover_every_kind() -> None:
    kinds = {picture.id: picture.kind for picture in shop().pictures}
    pairs = shop().evaluation_pairs
    shown = [[kinds[picture] for picture in pair.shows] for pair in pairs]

    assert len(pairs) >= 50
    assert sum(set(names) <= {"device_panel", "product_view"} for names in shown) >= 25
    assert {name for names in shown for name in names} == set(shop().kinds)
    assert {pair.language for pair in pairs} == {"en", "zh"}


def test_a_held_out_answer_is_one_that_the_picture_gives() -> None:
    answers = {picture.id: set(picture.passages) for picture in shop().pictures}
    for question in shop().showing:
        for picture, passage in question.answers.items():
            answers[picture].add(passage)
    for pair in shop().evaluation_pairs:
        for picture, passage in pair.shows.items():
            assert passage in answers[picture], (pair.question, picture)
