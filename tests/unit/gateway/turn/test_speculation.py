"""When an answer is begun early, and when it is used."""

from datetime import timedelta

import pytest

from gateway.turn.hearing import PartialHeard
from gateway.turn.speculation import is_whole, same_meaning


def partial(text: str, *, stable: int = 0, settled: bool = True) -> PartialHeard:
    return PartialHeard(text, len(text.split()), stable, timedelta(seconds=2), settled)


@pytest.mark.parametrize(
    "text", ["Can I return shoes?", "Where is my parcel?", "我的快递到了吗", "怎么退货？"]
)
def test_a_settled_whole_question_is_whole(text: str) -> None:
    assert is_whole(partial(text))


def test_words_that_may_change_are_not_whole() -> None:
    assert not is_whole(partial("Can I return shoes?", stable=3, settled=False))
    assert is_whole(partial("Can I return shoes?", stable=4, settled=False))
    assert not is_whole(partial("", settled=False))


@pytest.mark.parametrize(
    "text", ["Can I return the", "Yes.", "My number is 2 0 4.", "can I return shoes", "好的"]
)
def test_what_may_go_on_or_says_little_is_not_whole(text: str) -> None:
    assert not is_whole(partial(text))


def test_case_punctuation_and_fillers_do_not_change_a_meaning() -> None:
    assert same_meaning("Can I return shoes?", "um, can I return shoes")
    assert same_meaning("It’s broken.", "it's broken")
    assert same_meaning("我想退货。", "嗯我想退货")


def test_other_words_are_another_meaning() -> None:
    assert not same_meaning("Can I return shoes?", "Can I return shoes after a month?")
    assert not same_meaning("I can return it", "I can't return it")
    assert not same_meaning("我想退货", "我不想退货")
    assert not same_meaning("", "")
    assert not same_meaning("um", "uh")
