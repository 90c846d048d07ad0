"""A text as words that can be left out."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from training.explain.attribution import ExplainError
from training.explain.words import TextSubject, WordFinder, without


def found(text: str, unit: str = "words") -> list[str]:
    words = WordFinder("characters" if unit == "characters" else "words")(text)
    assert [text[word.start : word.end] for word in words] == [word.text for word in words]
    return [word.text for word in words]


def test_english_is_cut_into_words_not_pieces() -> None:
    assert found("I don't get PAY-407, it's 3.5% off!") == [
        "I",
        "don't",
        "get",
        "PAY-407",
        "it's",
        "3.5",
        "off",
    ]


def test_mandarin_is_cut_by_the_dictionary_or_into_characters() -> None:
    assert found("我的快递没有收到。") == ["我", "的", "快递", "没有", "收到"]
    assert found("快递，PAY呢", "characters") == ["快", "递", "P", "A", "Y", "呢"]


def test_a_word_that_is_left_out_leaves_no_hole() -> None:
    text = "Where is my order?"
    words = WordFinder()(text)

    assert without(text, words, [False, False, True, False]) == "Where is order?"
    assert without(text, words, [False, False, False, True]) == "Where is my ?"
    assert without(text, words, [True] * 4) == "?"
    assert without(text, words, [False] * 4) == text
    assert without("order", WordFinder()("order"), [True]) == "."
    assert without("没有收到", WordFinder()("没有收到"), [True, False]) == "收到"


def test_a_word_may_be_replaced_in_its_place() -> None:
    words = WordFinder()("My parcel, please")

    assert without("My parcel, please", words, [False, True, False], "[MASK]") == "My [MASK], please"


def test_all_versions_are_asked_about_in_one_call() -> None:
    calls = []

    def predict(texts: Sequence[str]) -> NDArray[np.float64]:
        calls.append(list(texts))
        return np.ones((len(texts), 1))

    subject = TextSubject("one two", predict, WordFinder())
    subject.probabilities(np.array([[False, False], [True, False]]))

    assert calls == [["one two", "two"]]


def test_a_text_without_a_word_is_refused() -> None:
    with pytest.raises(ExplainError, match="no word"):
        TextSubject("?!", lambda texts: np.ones((len(texts), 1)), WordFinder())
