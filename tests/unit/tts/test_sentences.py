"""Sentences are complete as early as they can be, and the same however the text is split."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.sentences import Part, SentenceCutter, sentences

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
    assert [part.text for part in [*found, *cutter.finish()]] == CUT


def test_a_sentence_is_given_as_soon_as_it_is_complete() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("It costs $3.") == []
    assert cutter.feed("50. Y") == [Part("It costs $3.50.")]
    assert cutter.finish() == [Part("Y")]
    assert cutter.finish() == []


@given(st.text(max_size=60))
def test_nothing_is_lost(text: str) -> None:
    joined = "".join("".join(sentence.split()) for sentence in sentences(text))
    assert joined == "".join(text.split())


@pytest.mark.parametrize("word", ["word ", "字"])
def test_a_text_without_an_end_is_cut_nevertheless(word: str) -> None:
    found = SentenceCutter().feed(word * 1000)
    assert found
    assert max(len(part.text) for part in found) <= 400


def written(text: str) -> list[Part]:
    """The parts of a text that comes character by character."""
    cutter = SentenceCutter()
    return [part for character in text for part in cutter.feed(character)] + cutter.finish()


def test_a_sentence_that_is_being_written_is_begun_at_its_first_clause() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("Yes, you can return it within 30 days,") == []
    assert cutter.feed(" a") == [Part("Yes, you can return it within 30 days,", goes_on=True)]
    assert cutter.feed("s long as it is complete, clean, in its box, with all of its parts, w") == []
    assert cutter.feed("hole") == []
    assert cutter.feed(" and unused. N") == [
        Part("as long as it is complete, clean, in its box, with all of its parts, whole and unused.")
    ]
    assert cutter.finish() == [Part("N")]


def test_a_sentence_that_comes_whole_stays_whole() -> None:
    sentence = "You can return it within 30 days, as long as it is complete and in its box."
    assert SentenceCutter().feed(sentence) == []
    assert SentenceCutter().feed(sentence + " ") == []
    cutter = SentenceCutter()
    assert [*cutter.feed(sentence), *cutter.finish()] == [Part(sentence)]
    assert SentenceCutter().feed("您可以在三十天内申请退货，商品需要保持完整。") == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("We will deliver it on Monday, March 5, 2026, in the morning.", "We will deliver it on Monday,"),
        ("It was sent to Springfield on March 5, 2026.", None),
        ("The price is about 1,299 dollars.", None),
        ("您可以在三十天内申请退货，商品需要保持完整。", "您可以在三十天内申请退货，"),
        ("您好，请说。", None),
        ("一共有三种颜色，299元。", None),
    ],
)
def test_a_clause_ends_where_a_speaker_may_pause(text: str, first: str | None) -> None:
    parts = written(text)
    assert (parts[0].text if parts[0].goes_on else None) == first
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())


def test_later_clauses_are_longer() -> None:
    parts = written(
        "Thank you for your patience. So it goes" + " on and on, and so it goes" * 9 + " to its end."
    )
    assert parts[0] == Part("Thank you for your patience.")
    assert [part.goes_on for part in parts[1:]] == [True, True, False]
    assert all(80 <= len(part.text) <= 120 for part in parts[1:-1])
