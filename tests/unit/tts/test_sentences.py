"""Sentences are complete as early as they can be, and the same however the text is split."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.sentences import SentenceCutter, sentences

TEXT = "Hello. It costs $3.50. Dr. Smith, No. 5, is here! 您好。请问？好的；明白了\nBye e.g. now"
CUT = [
    "Hello.",
    "It costs $3.50.",
    "Dr. Smith, No. 5, is here!",
    "您好。",
    "请问？",
    "好的；",
    "明白了",
    "Bye e.g. now",
]


def test_a_text_is_cut_at_its_ends() -> None:
    assert sentences(TEXT) == CUT


@given(st.lists(st.integers(0, len(TEXT)), max_size=20))
def test_the_way_it_arrives_does_not_matter(places: list[int]) -> None:
    cutter, found, cuts = SentenceCutter(), [], [0, *sorted(places), len(TEXT)]
    for start, end in pairwise(cuts):
        found += cutter.feed(TEXT[start:end])
    assert [*found, *cutter.finish()] == CUT


def test_a_sentence_is_given_as_soon_as_it_is_complete() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("It costs $3.") == []
    assert cutter.feed("50. Y") == ["It costs $3.50."]
    assert cutter.finish() == ["Y"]
    assert cutter.finish() == []


@given(st.text(max_size=60))
def test_nothing_is_lost(text: str) -> None:
    joined = "".join("".join(sentence.split()) for sentence in sentences(text))
    assert joined == "".join(text.split())


@pytest.mark.parametrize("word", ["word ", "字"])
def test_a_text_without_an_end_is_cut_nevertheless(word: str) -> None:
    found = SentenceCutter().feed(word * 1000)
    assert found
    assert max(map(len, found)) <= 400
