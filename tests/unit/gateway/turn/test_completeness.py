"""Whole sentences, unfinished ones, and what is being spelled."""

import csv
import os
import random
from pathlib import Path

import pytest

from gateway.turn.completeness import Completeness, completeness
from gateway.turn.spelling import asks_for_spelling, is_spelling

BANKING77 = (
    Path(os.environ.get("FRONTDESK_DATA", "../shared/data")) / "banking77" / "banking_data" / "test.csv"
)


@pytest.mark.parametrize(
    "text",
    [
        "Can I return shoes?",
        "I want to return these shoes.",
        "What is it for?",
        "Who should I talk to?",
        "Yes, it is.",
        "That's where it was.",
        "I don't know what to do.",
        "Yes, we have.",
        "It took a while.",
        "I think so.",
        "Yes.",
        "Stop!",
        'He said "no."',
        "我想退货。",
        "我的快递到了吗",
        "请问运费多少",
        "你们那里有那个吗？",
    ],
)
def test_a_whole_sentence_is_whole(text: str) -> None:
    assert completeness(text) is Completeness.WHOLE


@pytest.mark.parametrize(
    "text",
    [
        "I want to return the",
        "I want to return the.",
        "Can I return the?",
        "I bought the shoes and",
        "I bought the shoes, but...",
        "My order number is.",
        "How do.",
        "What should",
        "I'm waiting for.",
        "Well, um.",
        "I bought it because",
        "It isn’t what I’d",
        "I wanted to ask-",
        "I wanted to ask,",
        "我买了鞋然后",
        "我想问一下",
        "我买了一双鞋，",
        "就是那个",
        "如果不合适的话。",
    ],
)
def test_an_unfinished_sentence_is_unfinished_whatever_its_punctuation(text: str) -> None:
    assert completeness(text) is Completeness.UNFINISHED


@pytest.mark.parametrize("text", ["", "...", "can I return shoes", "我买了一双红色的鞋子"])
def test_without_a_sign_it_is_unclear(text: str) -> None:
    assert completeness(text) is Completeness.UNCLEAR


@pytest.mark.parametrize(
    "text",
    [
        "My number is 20418.",
        "FD-20418",
        "It's F-D-2-0.",
        "U M N Y",
        "Enter 5 4.",
        "two oh four",
        "rubout UMNYH6",
        "john@example.com",
        "尾号是一三八零",
        "五五五",
    ],
)
def test_what_is_spelled_is_seen(text: str) -> None:
    assert is_spelling(text)


@pytest.mark.parametrize(
    "text",
    [
        "Can I return shoes?",
        "I bought two",
        "Can I",
        "An auto top-up",
        "at 5 p.m.",
        "I have 2 dogs.",
        "",
        "Yes.",
        "第二个",
        "我要两",
    ],
)
def test_what_is_said_is_not_spelled(text: str) -> None:
    assert not is_spelling(text)


def test_who_was_asked_for_a_number_spells_with_its_first_digit() -> None:
    assert is_spelling("It is two", asked=True)
    assert is_spelling("12 Main Street.", asked=True)
    assert is_spelling("是三", asked=True)
    assert not is_spelling("Where do I find that?", asked=True)


@pytest.mark.parametrize(
    "answer",
    [
        "I can look it up. What is your order number?",
        "Please spell your name.",
        "May I have your e-mail address?",
        "请告诉我您的订单号。",
        "您的地址是什么？",
    ],
)
def test_an_answer_that_asks_for_what_is_spelled(answer: str) -> None:
    assert asks_for_spelling(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Your order number is on the label.",
        "What is your order number? It is on the label, and the parcel is on its way.",
        "Can I help you with anything else?",
        "订单号在面单上。",
    ],
)
def test_an_answer_that_does_not(answer: str) -> None:
    assert not asks_for_spelling(answer)


@pytest.mark.skipif(not BANKING77.is_file(), reason="FRONTDESK_DATA has no banking77")
def test_real_questions_are_rarely_taken_for_unfinished_and_cut_ones_often() -> None:
    with BANKING77.open(encoding="utf-8", newline="") as file:
        questions = [row["text"] for row in csv.DictReader(file)]
    generator = random.Random(1)
    long = [question.split() for question in questions if len(question.split()) >= 4]
    cut = [" ".join(words[: generator.randrange(2, len(words) - 1)]) + "." for words in long]
    unfinished = [completeness(text) is Completeness.UNFINISHED for text in questions]
    assert sum(unfinished) / len(questions) <= 0.01
    assert sum(completeness(text) is Completeness.UNFINISHED for text in cut) / len(cut) >= 0.35
    assert sum(is_spelling(question) for question in questions) / len(questions) <= 0.002
