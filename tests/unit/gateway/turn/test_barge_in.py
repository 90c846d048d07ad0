"""What interrupts an answer, and what does not."""

from datetime import timedelta

import pytest

from gateway.turn.barge_in import BargeIn, is_acknowledgement
from gateway.turn.hearing import FinalHeard, PartialHeard, UtteranceStarted, VoiceEvidence
from gateway.turn.turn_taking import TurnTaking
from gateway.turn.types import Transcript


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def voice(voiced: float, *, speaking: bool = True) -> VoiceEvidence:
    return VoiceEvidence(seconds(5), speaking, seconds(voiced), seconds(0 if speaking else 0.2))


def partial(text: str) -> PartialHeard:
    return PartialHeard(text, len(text.split()), 0, seconds(5), settled=False)


def test_speech_interrupts_once_it_is_long_enough() -> None:
    barge_in = BargeIn(TurnTaking())
    assert not barge_in.interrupts(UtteranceStarted(seconds(4.8)))
    assert not barge_in.interrupts(voice(0.1))
    assert barge_in.interrupts(voice(0.12))


def test_the_setting_says_how_long_that_is() -> None:
    barge_in = BargeIn(TurnTaking(interruption_speech=seconds(0.5)))
    assert not barge_in.interrupts(voice(0.4))
    assert barge_in.interrupts(voice(0.5))


def test_speech_that_is_over_interrupts_nothing() -> None:
    assert not BargeIn(TurnTaking()).interrupts(voice(2.0, speaking=False))


def test_an_uninterruptible_answer_is_not_interrupted() -> None:
    assert not BargeIn(TurnTaking(uninterruptible=True)).interrupts(voice(3.0))


def test_who_only_acknowledges_does_not_interrupt_until_he_says_more() -> None:
    barge_in = BargeIn(TurnTaking(interruption_speech=seconds(0.6)))
    barge_in.interrupts(UtteranceStarted(seconds(4)))
    barge_in.interrupts(partial("Uh-huh."))
    assert not barge_in.interrupts(voice(0.7))
    barge_in.interrupts(partial("Uh-huh, but wait"))
    assert barge_in.interrupts(voice(0.9))


def test_an_acknowledgement_does_not_shield_the_next_utterance() -> None:
    barge_in = BargeIn(TurnTaking())
    barge_in.interrupts(partial("okay"))
    barge_in.interrupts(FinalHeard(Transcript("Okay.", "en", 0.9), seconds(4), seconds(5)))
    assert barge_in.interrupts(voice(0.3))


@pytest.mark.parametrize(
    "text",
    [
        "Uh-huh.", "uh huh", "Mm-hm.", "Mmhmm", "Yeah.", "Yeah, yeah.", "Okay.", "OK, I see.", "Thank you.",
        "嗯", "嗯嗯", "好的。", "好的，谢谢", "对对对", "知道了",
    ],
)  # fmt: skip
def test_acknowledgements(text: str) -> None:
    assert is_acknowledgement(text)
    assert BargeIn(TurnTaking()).resumes(text)


@pytest.mark.parametrize(
    "text",
    [
        "Stop.",
        "No.",
        "Okay, but what about shoes?",
        "Yes, I want that",
        "wait",
        "好的，那运费呢",
        "不对",
        "停",
    ],
)
def test_what_takes_the_turn(text: str) -> None:
    assert not is_acknowledgement(text)
    assert not BargeIn(TurnTaking()).resumes(text)


def test_a_cough_takes_no_turn() -> None:
    barge_in = BargeIn(TurnTaking())
    assert barge_in.resumes("")
    assert barge_in.resumes(" ... ")


def test_behind_a_question_yes_is_a_reply() -> None:
    barge_in = BargeIn(TurnTaking())
    assert not barge_in.resumes("Yes.", heard_of_answer="I can do that. Shall I connect you?")
    assert not barge_in.resumes("好的", heard_of_answer="需要我帮您转接吗？")
    assert barge_in.resumes("", heard_of_answer="Shall I connect you?")
    assert barge_in.resumes("Okay.", heard_of_answer="You can return it within 30 days,")


@pytest.mark.parametrize(
    "outside", [{"complete_silence": 0.05}, {"incomplete_silence": 11}, {"no_input_timeout": 0.5}]
)
def test_settings_outside_their_range_are_refused_by_name(outside: dict[str, float]) -> None:
    (name,) = outside
    with pytest.raises(ValueError, match=name):
        TurnTaking(**{name: seconds(value) for name, value in outside.items()})  # type: ignore[arg-type]
