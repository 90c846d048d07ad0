"""What is asked of photographs, and how answers are counted, with a model that sees what we tell it to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.dialogue.domain.loader import load_files
from services.dialogue.domain.types import Domain, Passage
from services.dialogue.fused import FusionRow, PictureFeatures
from services.dialogue.ports import Fused
from tests.fakes.domain_folder import domain_files
from training.data.grocerystore.aspects import read_aspects
from training.evaluate.grocerystore import named_turns, photo_to_text, turns
from training.evaluate.grocerystore_models import Models, Photograph

PRODUCTS = ("apple", "beet", "juice")
TOLD = {"apple": ("about", "origin"), "beet": ("about",), "juice": ("about", "sugar")}


def domain() -> Domain:
    made = load_files(domain_files())
    passages = tuple(
        Passage(f"{product}-{aspect}", "en", "", product, "")
        for product in PRODUCTS
        for aspect in TOLD[product]
    )
    object.__setattr__(made, "passages", passages)
    object.__setattr__(made, "products", {product: {"en": product.title()} for product in PRODUCTS})
    return made


def photograph(product: str, looks_like: str) -> Photograph:
    pooled = np.eye(1280, dtype=np.float32)[PRODUCTS.index(looks_like)]
    return Photograph(product, PictureFeatures(pooled, np.zeros((49, 1280), np.float32)))


class SeeingFusion:
    """Gives the joint vector of the product that a photograph looks like."""

    def fuse(self, rows: Sequence[FusionRow]) -> Fused:
        joint: NDArray[np.float32] = np.stack([row.regions[-1, :128] for row in rows])
        nothing = np.zeros((len(rows), 1), np.float32)
        return Fused(nothing, nothing, nothing, nothing, joint)


class SeeingModels(Models):
    """Passages whose joint vectors are those of their products."""

    def __init__(self) -> None:
        self.fusion = SeeingFusion()  # type: ignore[assignment]
        self.passages = [f"{product}-{aspect}" for product in PRODUCTS for aspect in TOLD[product]]
        owners = [PRODUCTS.index(passage.partition("-")[0]) for passage in self.passages]
        self.joints = np.eye(128, dtype=np.float32)[owners]


def test_a_photograph_is_asked_only_what_its_product_answers_in_wordings_that_are_held_out() -> None:
    asked = list(turns(domain(), [photograph(product, product) for product in PRODUCTS]))

    assert {turn.passage for turn in asked} == {"apple-about", "apple-origin", "beet-about"} | {
        "juice-about",
        "juice-sugar",
    }
    held_out = {aspect.id: aspect.held_out for aspect in read_aspects()}
    for turn in asked:
        assert turn.photograph is not None
        assert turn.question in held_out[turn.passage.partition("-")[2]]
        assert turn.passage.startswith(f"{turn.photograph.product}-")
    assert len({turn.question for turn in asked if turn.passage.endswith("about")}) == 6


def test_words_that_are_enough_name_the_product() -> None:
    asked = list(named_turns(domain()))

    assert len(asked) == 10
    assert all(turn.passage.partition("-")[0].title() in turn.question for turn in asked)


def test_a_photograph_finds_its_text_where_it_looks_like_its_product() -> None:
    shown = [photograph("apple", "apple"), photograph("beet", "beet"), photograph("juice", "apple")]

    found = photo_to_text(SeeingModels(), shown)

    assert found == {"texts": 3, "recall_at_1": 0.6667, "recall_at_5": 1.0}


def test_a_photograph_without_its_words_is_the_same_otherwise() -> None:
    read = Photograph("juice", photograph("juice", "juice").features, "Bravo")

    unread = read.unread()

    assert (unread.words, unread.features.words, unread.product) == ("", None, "juice")
    assert unread.features.pooled is read.features.pooled
