"""Model cards: what Hugging Face reads of them, and that data is told by its content."""

from dataclasses import replace
from typing import Any

import yaml

from training.data.examples import Example, ExampleSet, Slot
from training.export.cards import Figure, data_hash, front_matter, set_card, splits_of, table

EXAMPLES = (
    Example("where is my order", intents=("order",), slots=(Slot("thing", 12, 17),), source="a.csv:1"),
    Example("退货", language="zh", intents=("return",), source="a.csv:2"),
)
SET = ExampleSet("shop", EXAMPLES, (), EXAMPLES[:1], ("order", "return"), "none", slot_names=("thing",))


def head(card: str) -> dict[str, Any]:
    start, matter, _ = card.split("---\n", 2)
    assert start == ""
    loaded: dict[str, Any] = yaml.safe_load(matter)
    return loaded


def test_the_head_is_what_the_hub_reads() -> None:
    told = head(
        front_matter(
            "understanding_shop",
            licence="MIT",
            task="text-classification",
            languages=("en", "zh"),
            base_model="intfloat/multilingual-e5-small",
            datasets=("shop",),
            figures=(Figure("shop", "accuracy", 0.94),),
        )
    )

    assert told["license"] == "mit"
    assert told["language"] == ["en", "zh"]
    assert told["base_model"] == "intfloat/multilingual-e5-small"
    (model,) = told["model-index"]
    (result,) = model["results"]
    assert result["metrics"] == [{"type": "accuracy", "value": 0.94}]
    assert result["dataset"]["split"] == "test"


def test_a_licence_that_the_hub_does_not_know_is_named() -> None:
    told = head(front_matter("model", licence="Company's own", task="text-classification"))

    assert (told["license"], told["license_name"]) == ("other", "Company's own")
    assert "model-index" not in told


def test_data_is_known_by_what_it_says_and_not_by_order_or_file() -> None:
    moved = tuple(replace(example, source="b.csv:9") for example in EXAMPLES[::-1])

    assert data_hash(moved) == data_hash(EXAMPLES)
    assert data_hash((replace(EXAMPLES[0], intents=("return",)), EXAMPLES[1])) != data_hash(EXAMPLES)
    assert data_hash((replace(EXAMPLES[0], slots=()), EXAMPLES[1])) != data_hash(EXAMPLES)


def test_splits_are_counted_and_hashed() -> None:
    train, test = splits_of(SET)

    assert (train.name, train.count, train.sha256) == ("train", 2, data_hash(EXAMPLES))
    assert (test.name, test.count, test.sha256) == ("test", 1, data_hash(EXAMPLES[:1]))


def test_the_card_of_a_set_has_all_that_reproduces_it() -> None:
    config = {
        "encoder": "all-MiniLM-L6-v2",
        "licence": "Apache-2.0",
        "arguments": {"seed": 3, "epochs": 5.0},
        "temperature": 1.25,
    }
    figures = (Figure("shop", "accuracy", 0.941),)
    card = set_card(SET, config, {"steps": 120}, "frontdesk evaluate --set shop", figures, "CC-BY-4.0")

    assert head(card)["base_model"] == "all-MiniLM-L6-v2"
    assert "| train | 2 |" in card
    assert data_hash(EXAMPLES) in card
    for told in (
        "CC-BY-4.0",
        "epochs=5.0, seed=3",
        "`frontdesk evaluate --set shop`",
        "0.941",
        "| steps | 120 |",
    ):
        assert told in card
    assert "2 intents and `none`, 1 slots" in card


def test_figures_are_a_table() -> None:
    assert table({"best_right": 0.5}) == "| | |\n|---|---|\n| best right | 0.5 |"
