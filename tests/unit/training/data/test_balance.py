from collections import Counter

import pytest

from tests.unit.training.data.small import example
from training.data.balance import balanced_sampler, class_counts, class_weights
from training.data.examples import DataError

EXAMPLES = [example(str(number), "often") for number in range(90)]
EXAMPLES += [example(str(number), "rare") for number in range(90, 100)]
LABELS = ("never", "often", "rare")


def test_counts_name_every_label() -> None:
    assert class_counts(EXAMPLES, LABELS) == {"never": 0, "often": 90, "rare": 10}


def test_weights_follow_the_effective_number_of_samples() -> None:
    weights = class_weights({"often": 90, "rare": 10}, beta=0.99)
    effective = {label: (1 - 0.99**count) / (1 - 0.99) for label, count in {"often": 90, "rare": 10}.items()}
    assert weights["rare"] / weights["often"] == pytest.approx(effective["often"] / effective["rare"])
    assert (90 * weights["often"] + 10 * weights["rare"]) / 100 == pytest.approx(1)
    assert set(class_weights({"often": 90, "rare": 10}, beta=0).values()) == {1.0}
    assert class_weights(class_counts(EXAMPLES, LABELS))["never"] == 0


def test_towards_one_weights_are_one_over_the_count() -> None:
    weights = class_weights({"often": 90, "rare": 10}, beta=0.999999)
    assert weights["rare"] / weights["often"] == pytest.approx(9, rel=1e-3)


def test_the_sampler_draws_rare_labels_as_often_and_the_same_for_a_seed() -> None:
    drawn = [number for _ in range(10) for number in balanced_sampler(EXAMPLES, LABELS, _, beta=0.999999)]
    counts = Counter(EXAMPLES[number].intents[0] for number in drawn)
    assert counts["rare"] / counts["often"] == pytest.approx(1, abs=0.25)
    again = list(balanced_sampler(EXAMPLES, LABELS, 7))
    assert again == list(balanced_sampler(EXAMPLES, LABELS, 7))
    assert again != list(balanced_sampler(EXAMPLES, LABELS, 8))


def test_what_cannot_be_weighed_is_refused() -> None:
    with pytest.raises(DataError, match="beta"):
        class_weights({"a": 1}, beta=1)
    with pytest.raises(DataError, match="no label has examples"):
        class_weights({"a": 0})
