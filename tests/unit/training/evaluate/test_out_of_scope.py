"""The threshold for what is out of scope, and what it costs."""

import numpy as np
import pytest

from training.evaluate.out_of_scope import choose_threshold, figures, recall_by_kind

SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
RIGHT = np.array([False, True, True, False, True, True, True, True, True, True])


@pytest.mark.parametrize(("cost", "threshold"), [(0.0, 0.2), (0.1, 0.3), (0.2, 0.5), (1.0, 1.0)])
def test_the_highest_threshold_that_loses_no_more_is_chosen(cost: float, threshold: float) -> None:
    assert choose_threshold(SCORES, RIGHT, cost) == threshold
    lost = RIGHT.mean() - (RIGHT & (threshold <= SCORES)).mean()
    assert lost <= cost + 1e-9


def test_no_threshold_without_one_that_is_right() -> None:
    with pytest.raises(ValueError, match="no in-scope utterance of validation is right"):
        choose_threshold(SCORES, np.zeros(10, bool))


def test_a_rejected_utterance_counts_as_wrong() -> None:
    found = figures(SCORES, RIGHT, np.array([0.05, 0.25, 0.45, 0.85]), threshold=0.3)
    assert found["in_scope_accuracy"] == 0.7  # 8 are right, one of them at 0.2
    assert found["in_scope_accuracy_unthresholded"] == 0.8
    assert found["in_scope_rejected"] == 0.2
    assert found["out_of_scope_recall"] == 0.5
    # Pairs in the right order: 0.05 below 10, 0.25 below 8, 0.45 below 6, 0.85 below 2, of 40.
    assert found["auroc"] == pytest.approx(26 / 40)


def test_what_has_the_threshold_itself_is_accepted() -> None:
    assert figures(SCORES, RIGHT, np.array([0.3]), threshold=0.3)["out_of_scope_recall"] == 0.0


def test_a_set_without_out_of_scope_says_nothing_of_it() -> None:
    found = figures(SCORES, RIGHT, np.zeros(0), 0.3)
    assert found["out_of_scope_recall"] is None
    assert found["auroc"] is None


def test_recall_is_told_of_each_kind() -> None:
    outside = np.array([0.1, 0.9, 0.2])
    assert recall_by_kind(outside, ["near", "near", "far"], 0.5) == {"far": 1.0, "near": 0.5}
