"""The deletion test tells explanations that hold from those that do not."""

import numpy as np
import pytest

from tests.unit.training.explain.linear import LinearSubject
from training.explain.attribution import Attribution, ExplainError, attribute
from training.explain.deletion import deletion_test


def subjects(count: int = 40, parts: int = 12) -> list[LinearSubject]:
    rng = np.random.default_rng(3)
    return [LinearSubject((rng.exponential(1.0, parts) ** 2 * 0.3).tolist()) for _ in range(count)]


def test_what_a_models_own_arithmetic_rests_on_holds() -> None:
    found = deletion_test(subjects(), (2, 3))

    assert found.holds
    assert found.examples == 40
    assert all(each.named > each.random and each.low > 0 for each in found.removed)
    assert found.low < found.mean < found.high


def test_names_at_random_do_not_hold() -> None:
    rng = np.random.default_rng(5)
    asked = subjects()
    named = []
    for subject in asked:
        true = attribute(subject)
        shuffled = tuple(rng.permutation(true.contributions).tolist())
        named.append(Attribution(true.parts, true.label, true.probability, shuffled))

    found = deletion_test(asked, (2, 3), attributed=named)

    assert not found.holds
    assert found.low < 0 < found.high


def test_the_least_named_first_does_worse_than_random() -> None:
    asked = subjects()
    true = [attribute(subject) for subject in asked]
    upside_down = [
        Attribution(one.parts, one.label, one.probability, tuple(-c for c in one.contributions))
        for one in true
    ]

    found = deletion_test(asked, (2, 3), attributed=upside_down)

    assert not found.holds
    assert found.high < 0


def test_a_model_that_says_the_same_whatever_is_left_out_does_not_hold() -> None:
    found = deletion_test([LinearSubject([0.0] * 8) for _ in range(12)], (2,))

    assert not found.holds
    assert found.mean == 0.0


def test_the_same_seed_gives_the_same_figures_and_each_subject_costs_two_calls() -> None:
    asked = subjects(12)

    first, second = deletion_test(asked, (2,), seed=7), deletion_test(asked, (2,), seed=7)

    assert first == second
    assert all(subject.calls == 4 for subject in asked)


def test_subjects_that_are_too_short_are_skipped_and_too_few_are_refused() -> None:
    short = [LinearSubject([1.0, 1.0]) for _ in range(3)]

    assert deletion_test([*short, *subjects(10)], (2, 3)).skipped == 3
    with pytest.raises(ExplainError, match="9 examples of more than 3 parts, and 3 with fewer"):
        deletion_test([*short, *subjects(9)], (2, 3))
    with pytest.raises(ExplainError, match="at least 1"):
        deletion_test(subjects(), ())
