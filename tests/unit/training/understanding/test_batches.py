import numpy as np
import pytest

from tests.unit.training.understanding import tiny
from training.data.examples import DataError, Example, Slot
from training.understanding.batches import IGNORED, Labels, TextBatches, by_length, order

LABELS = Labels(("book", "cancel"), "oos", False, ("city", "day"))
OFFSETS = [(0, 0), (0, 3), (4, 7), (8, 12), (13, 19), (0, 0)]
"""Of "[CLS] new york to monday [SEP]"."""


def test_a_slot_of_several_tokens_begins_once() -> None:
    tags = LABELS.tags_of((Slot("city", 0, 7), Slot("day", 13, 19)), OFFSETS)
    named = [LABELS.tags[tag] if tag != IGNORED else None for tag in tags]
    assert named == [None, "B-city", "I-city", "O", "B-day", None]


def test_tags_give_back_their_slots() -> None:
    slots = (Slot("city", 0, 7), Slot("day", 13, 19))
    assert LABELS.slots_of(LABELS.tags_of(slots, OFFSETS), OFFSETS) == slots


def test_two_slots_of_one_name_side_by_side_stay_two() -> None:
    slots = (Slot("city", 0, 3), Slot("city", 4, 7))
    assert LABELS.slots_of(LABELS.tags_of(slots, OFFSETS), OFFSETS) == slots


def test_a_part_without_a_beginning_is_a_slot_all_the_same() -> None:
    inside = LABELS.tags.index("I-day")
    assert LABELS.slots_of([0, 0, 0, 0, inside, 0], OFFSETS) == (Slot("day", 13, 19),)


def test_out_of_scope_is_the_last_label() -> None:
    rows = [Example("a", intents=("oos",)), Example("b", intents=("book",))]
    assert LABELS.targets(rows).tolist() == [2, 0]


@pytest.mark.parametrize("intents", [(), ("book", "cancel"), ("fly",)])
def test_an_example_without_one_known_intent_is_named(intents: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"calls\.jsonl:7"):
        LABELS.targets([Example("a", intents=intents, source="calls.jsonl:7")])


def test_several_labels_become_a_row_each() -> None:
    labels = Labels(("book", "cancel"), None, True, ())
    rows = [
        Example("a", intents=("cancel", "book")),
        Example("b"),
        Example("c", intents=("cancel", "unseen")),
    ]
    assert labels.targets(rows).tolist() == [[1, 1], [0, 0], [0, 1]]


def test_offsets_leave_out_the_prefix() -> None:
    batches = TextBatches(tiny.tokenizer(), "please ", 16, LABELS)
    ids, offsets = batches.encode(["card lost"])
    assert [pair for pair in offsets[0] if pair[1]] == [(0, 4), (5, 9)]
    assert len(ids[0]) == len(offsets[0])


def test_every_text_comes_once_an_epoch_beside_its_like() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 1000).tolist()
    batches = order(lengths, 16, np.random.default_rng(1))
    assert sorted(position for batch in batches for position in batch) == list(range(1000))
    padding = sum(max(lengths[p] for p in batch) * len(batch) for batch in batches) / sum(lengths)
    assert padding < 1.15
    assert batches != order(lengths, 16, np.random.default_rng(2))
    assert batches == order(lengths, 16, np.random.default_rng(1))


def test_prediction_takes_each_once() -> None:
    assert sorted(p for batch in by_length([3, 1, 2, 5, 4], 2) for p in batch) == [0, 1, 2, 3, 4]
