import numpy as np
import pytest
from numpy.typing import NDArray

from training.understanding import out_of_scope

OUTSIDE = 3


def judged(seed: int, each: int = 200) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three intents that stand out, and texts of none, of which half look a little like one."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(4), each)
    logits = rng.normal(0.0, 1.0, (4 * each, 4))
    logits[np.arange(len(targets)), targets] += np.where(targets == OUTSIDE, 2.0, 6.0)
    return logits.astype(np.float32), targets


def test_what_belongs_to_no_intent_scores_higher() -> None:
    logits, targets = judged(0)
    found = out_of_scope.fit(logits, targets, OUTSIDE)
    other, other_targets = judged(1)
    scores = found.scores(other, OUTSIDE)
    assert np.median(scores[other_targets == OUTSIDE]) > np.quantile(scores[other_targets != OUTSIDE], 0.95)


def test_the_threshold_costs_no_more_than_allowed() -> None:
    logits, targets = judged(0)
    for cost in (0.0, 0.01, 0.05):
        found = out_of_scope.fit(logits, targets, OUTSIDE, cost)
        inside = targets != OUTSIDE
        understood = np.delete(logits, OUTSIDE, axis=1).argmax(axis=1) == targets
        rejected = found.scores(logits, OUTSIDE) >= found.threshold
        assert (rejected & understood & inside).sum() <= cost * inside.sum()
    assert found.threshold < out_of_scope.fit(logits, targets, OUTSIDE, 0.0).threshold


def test_it_comes_back_from_its_file() -> None:
    logits, targets = judged(0)
    found = out_of_scope.fit(logits, targets, OUTSIDE)
    assert out_of_scope.OutOfScope.from_json(found.to_json()) == found
    with pytest.raises(ValueError, match="features"):
        out_of_scope.OutOfScope.from_json({**found.to_json(), "features": ["largest"]})


def test_it_needs_examples_of_both_kinds() -> None:
    logits, targets = judged(0)
    inside = targets != OUTSIDE
    with pytest.raises(ValueError, match="both kinds"):
        out_of_scope.fit(logits[inside], targets[inside], OUTSIDE)
