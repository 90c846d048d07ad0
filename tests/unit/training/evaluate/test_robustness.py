"""Robustness, with models that read whole words or single letters."""

from collections.abc import Sequence

import numpy as np
import pytest

from training.data.examples import DataError, Example
from training.evaluate.answers import Floats
from training.evaluate.robustness import robustness, won_back

LABELS = ("card", "money")
JUDGED = [
    Example("please block my card immediately today", intents=("card",)),
    Example("please send the money immediately today", intents=("money",)),
] * 20


def by_word(texts: Sequence[str]) -> Floats:
    """Knows a whole word only."""
    return np.array([[0.6, 0.4] if "card" in text.split() else [0.4, 0.6] for text in texts])


def by_letters(texts: Sequence[str]) -> Floats:
    """Knows what the words have no letters in common in."""
    return np.array([[0.9, 0.1] if text.count("k") + text.count("b") > 0 else [0.1, 0.9] for text in texts])


def test_a_model_that_reads_letters_wins_back_what_one_that_reads_words_loses() -> None:
    found = robustness(by_letters, JUDGED, LABELS, seed=1, plain=by_word)
    assert found["clean"] == found["plain"]["clean"] == 1.0
    assert found["plain"]["typos"]["lost"] > 0.05
    assert found["typos"]["lost"] < found["plain"]["typos"]["lost"]
    assert 0 < found["won_back"]["typos"] <= 1
    assert len(found["typos"]["scores"]) == found["draws"] == 3


def test_the_same_seed_disturbs_alike_and_another_differently() -> None:
    asked: list[list[str]] = []

    def listen(texts: Sequence[str]) -> Floats:
        asked.append(list(texts))
        return by_word(texts)

    for seed in (0, 0, 5):
        robustness(listen, JUDGED[:4], LABELS, seed=seed, draws=1)
    first, second, other = asked[:3], asked[3:6], asked[6:]
    assert first == second
    assert first[0] == other[0] == [example.text for example in JUDGED[:4]]
    assert first[1] != other[1]


def test_what_is_won_back() -> None:
    assert won_back(0.9, 0.7, 0.8) == pytest.approx(0.5)
    assert won_back(0.9, 0.7, 0.65) == pytest.approx(-0.25)
    assert won_back(0.9, 0.898, 0.9) is None  # too little was lost


def test_texts_of_another_domain_count_where_they_are_answered() -> None:
    found = robustness(
        by_word, JUDGED, LABELS, draws=1, outside=["a card", "rain", "snow", "card"], answered_from=0.6
    )
    assert found["out_of_domain"] == {"texts": 4, "answered_from": 0.6, "answered": 1.0}


def test_a_missing_modality_is_told() -> None:
    blind = robustness(by_word, JUDGED, LABELS, draws=1, without={"text": lambda t: by_word([""] * len(t))})
    assert blind["without_text"] == {"score": 0.5, "lost": 0.5}


def test_several_labels_are_measured_by_f1() -> None:
    judged = [Example("my card", intents=("card", "money"))]
    found = robustness(
        lambda texts: np.array([[0.9, 0.1]] * len(texts)), judged, LABELS, several_from=0.5, draws=1
    )
    assert found["measure"] == "micro_f1"
    assert found["clean"] == pytest.approx(2 / 3, abs=1e-4)


def test_no_texts_are_an_error() -> None:
    with pytest.raises(DataError, match="the split is empty"):
        robustness(by_word, [], LABELS)
