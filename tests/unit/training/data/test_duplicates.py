"""Near-duplicates: what is found in a hurry is what a comparison of all pairs finds."""

import numpy as np
from rapidfuzz import fuzz

from services.dialogue.domain.checks import NEAR_IDENTICAL
from training.data.duplicates import counterparts, joined, near_duplicates, plain


def test_a_text_is_compared_without_case_punctuation_and_width() -> None:
    assert plain("  Where’s MY card?! ") == plain("where s my card")
    assert plain("ＡＢＣ１２３，好吗？") == "abc123 好吗"


def test_all_pairs_that_a_full_comparison_finds_are_found_and_no_others() -> None:
    rng = np.random.default_rng(4)
    words = ["card", "my", "lost", "transfer", "pending", "why", "is", "the", "fee", "for", "银行", "卡丢了"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(700)]
    texts += [text + rng.choice(list("sx ")) for text in texts[:300]]
    keys = sorted({plain(text) for text in texts})
    expected = {
        (one, other)
        for place, one in enumerate(keys)
        for other in keys[place + 1 :]
        if fuzz.ratio(one, other) >= NEAR_IDENTICAL
    }
    assert len(expected) > 100
    found = near_duplicates(keys)
    assert {(keys[one], keys[other]) for one, other in found} == expected


def test_the_same_texts_are_joined_by_their_first() -> None:
    assert near_duplicates(["Hi!", "bye", "hi", "HI"]) == [(0, 2), (0, 3)]


def test_texts_without_a_letter_are_like_none() -> None:
    assert near_duplicates(["?", "?", "!"]) == []


def test_a_counterpart_is_rather_the_same_than_a_similar_text() -> None:
    others = ["how do i cancel my order please", "where is it", "how do I cancel my orders please"]
    assert counterparts(["How do I cancel my orders, please?", "no", "Where is it?"], others) == {0: 2, 2: 1}


def test_joining_follows_pairs_and_keys_to_the_end() -> None:
    groups = joined(6, [(0, 1), (4, 3)], [[None, "a", "a", None, "b", None], [None] * 6])
    assert groups == [0, 0, 0, 3, 3, 5]
