"""Classification, multi-label and slot figures, against what was counted by hand."""

import numpy as np
import pytest

from training.data.examples import Slot
from training.evaluate import classification

RIGHT = ["a", "a", "a", "b", "b", "c"]
SAID = ["a", "b", "b", "b", "b", "a"]


def test_accuracy_and_macro_f1() -> None:
    found = classification.single_label(RIGHT, SAID)
    assert found["accuracy"] == 0.5
    # a: precision 1/2, recall 1/3 → 0.4; b: 2/4, 2/2 → 2/3; c: never said → 0.
    assert found["macro_f1"] == pytest.approx((0.4 + 2 / 3 + 0) / 3, abs=1e-4)
    assert found["report"]["b"] == {"precision": 0.5, "recall": 1.0, "f1-score": 0.6667, "support": 2.0}


def test_the_confusion_has_what_is_right_in_rows() -> None:
    assert classification.confusion(["a", "b", "c"], RIGHT, SAID).tolist() == [
        [1, 2, 0],
        [0, 2, 0],
        [1, 0, 0],
    ]


def test_the_most_frequent_confusion_comes_first() -> None:
    found = classification.single_label(RIGHT, SAID)["most_confused"]
    assert found == [
        {"right": "a", "predicted": "b", "count": 2, "share": 0.6667},
        {"right": "c", "predicted": "a", "count": 1, "share": 1.0},
    ]
    assert classification.most_confused(["a", "b"], np.eye(2, dtype=np.int64)) == []


def test_several_labels_are_right_only_together() -> None:
    right = [("a", "b"), ("a",), ()]
    said = [("a", "b"), ("a", "b"), ()]
    found = classification.multi_label(["a", "b", "unused"], right, said)
    assert found["exact_match"] == found["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    # 3 of 4 said are right, none is missed.
    assert found["micro_f1"] == pytest.approx(6 / 7, abs=1e-4)
    # a: 1; b: precision 1/2, recall 1. The unused label does not count.
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)


def test_a_label_that_training_did_not_know_is_missed() -> None:
    found = classification.multi_label(["a"], [("a", "new")], [("a",)])
    assert found["exact_match"] == 0.0
    assert found["micro_f1"] == pytest.approx(2 / 3, abs=1e-4)


def test_a_slot_is_found_by_name_and_both_ends() -> None:
    right = [[Slot("name", 0, 3), Slot("date", 5, 9)], [Slot("name", 2, 4)]]
    said = [[Slot("name", 0, 3), Slot("date", 5, 8)], []]
    found = classification.slots(right, said)
    assert (found["precision"], found["recall"]) == (0.5, 0.3333)
    assert found["f1"] == pytest.approx(0.4)
    assert found["by_name"]["date"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert found["by_name"]["name"]["f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["macro_f1"] == pytest.approx(1 / 3, abs=1e-4)


def test_no_slots_at_all_are_no_error() -> None:
    assert classification.slots([[]], [[]])["f1"] == 0.0
