"""When a turn is over, on a line of time that the tests draw."""

from datetime import timedelta

import pytest

from gateway.turn.hearing import FinalHeard, PartialHeard, UtteranceStarted, VoiceEvidence
from gateway.turn.turn_end import (
    AnswerAsked,
    AudioEnded,
    EndOfTurnReason,
    KeysPressed,
    TextTyped,
    TurnEnd,
    TurnEndDecision,
)
from gateway.turn.turn_taking import TurnTaking
from gateway.turn.types import Transcript

STEP = 0.1

SETTINGS = TurnTaking(complete_silence=timedelta(seconds=0.3))


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


class Caller:
    """Speaks from 0 s to 2 s, then is silent; evidence comes every 0.1 s, the settled words 0.2 s later."""

    def __init__(self, turn_end: TurnEnd) -> None:
        self.turn_end = turn_end
        self.now = 0.0

    def begins(self) -> None:
        self.turn_end.on(UtteranceStarted(seconds(self.now)), self.now)

    def speaks(self, duration: float) -> None:
        for _ in range(round(duration / STEP)):
            self.now += STEP
            heard = VoiceEvidence(seconds(self.now), True, seconds(duration), seconds(0))
            assert self.turn_end.on(heard, self.now) is None

    def pauses(
        self, text: str, *, probability: float | None, longest: float = 4.0, settles_after: float = 0.2
    ) -> TurnEndDecision | None:
        """Be silent until the turn is over, or for ``longest``."""
        began, settled = self.now, False
        while self.now < began + longest - STEP / 2:
            self.now = round(self.now + STEP, 3)
            silence = round(self.now - began, 3)
            known = probability if silence >= settles_after else None
            heard = VoiceEvidence(seconds(self.now), False, seconds(2), seconds(silence), known)
            decision = self.turn_end.on(heard, self.now)
            if decision is None and not settled and silence >= settles_after:
                settled = True
                words = PartialHeard(text, len(text.split()), 0, seconds(began), settled=True)
                decision = self.turn_end.on(words, self.now)
            wait = self.turn_end.next_check(self.now)
            if decision is None and wait is not None and wait < STEP:
                decision = self.turn_end.check(self.now + wait)
            if decision:
                return decision
        return None


def silence_after(text: str, *, probability: float | None = 0.9, asked: str = "", **pause: float) -> float:
    caller = Caller(TurnEnd(SETTINGS))
    if asked:
        caller.turn_end.on(AnswerAsked(asked), 0.0)
    caller.begins()
    caller.speaks(2.0)
    decision = caller.pauses(text, probability=probability, **pause)
    assert decision is not None
    return decision.silence.total_seconds()


def test_a_whole_question_that_sounds_finished_takes_the_shortest_silence() -> None:
    assert silence_after("Can I return shoes?") == pytest.approx(0.3, abs=0.01)


def test_what_seems_unfinished_gets_longer_even_if_it_sounds_finished() -> None:
    assert silence_after("I bought the shoes and", probability=0.4) == pytest.approx(1.2, abs=0.01)
    assert silence_after("I bought the shoes and") > 0.6


def test_what_sounds_unfinished_gets_longer_even_if_it_reads_whole() -> None:
    assert silence_after("I bought the shoes.", probability=0.0) == pytest.approx(1.2, abs=0.01)


def test_the_surer_the_end_the_shorter_the_silence() -> None:
    silences = [silence_after("can I return shoes", probability=p / 10) for p in range(11)]
    assert silences == sorted(silences, reverse=True)
    assert silences[0] == pytest.approx(1.2, abs=0.01)
    assert silences[-1] == pytest.approx(0.3, abs=0.01)


def test_who_spells_gets_the_longest() -> None:
    assert silence_after("My number is 2 0 4.", probability=0.3) == pytest.approx(1.8, abs=0.01)
    assert silence_after("Two.", probability=0.3, asked="What is your order number?") == pytest.approx(
        1.8, abs=0.01
    )
    assert silence_after("Two.", probability=0.6) < 0.5


def test_what_was_asked_counts_for_one_turn() -> None:
    turn_end = TurnEnd(SETTINGS)
    turn_end.on(AnswerAsked("What is your order number?"), 0.0)
    for said, silence in (("", 1.2), ("Two.", 1.8), ("Two.", 0.3)):
        caller = Caller(turn_end)
        caller.begins()
        caller.speaks(0.5)
        decision = caller.pauses(said, probability=0.5)
        assert decision is not None
        assert decision.silence.total_seconds() == pytest.approx(silence, abs=0.01)
        turn_end.on(FinalHeard(Transcript(said, "en", 1.0), seconds(0), seconds(1)), caller.now)


def test_the_words_of_the_last_pause_say_nothing_of_this_one() -> None:
    caller = Caller(TurnEnd(SETTINGS))
    caller.begins()
    caller.speaks(1.0)
    assert caller.pauses("Can I return shoes?", probability=0.9, longest=0.25) is None
    caller.speaks(1.0)
    decision = caller.pauses("Can I return shoes? Or the", probability=0.2, settles_after=0.6)
    assert decision is not None
    assert decision.silence.total_seconds() == pytest.approx(1.2, abs=0.01)
    assert decision.reason is EndOfTurnReason.SILENCE


def test_the_reason_says_whether_it_was_sure() -> None:
    caller = Caller(TurnEnd(SETTINGS))
    caller.begins()
    caller.speaks(1.0)
    decision = caller.pauses("Can I return shoes?", probability=0.9)
    assert decision is not None
    assert decision.reason is EndOfTurnReason.COMPLETE


def test_audio_that_never_came_is_no_silence() -> None:
    turn_end = TurnEnd(SETTINGS)
    turn_end.on(UtteranceStarted(seconds(0)), 0.0)
    turn_end.on(PartialHeard("Can I return shoes?", 4, 4, seconds(1), settled=True), 1.0)
    assert turn_end.on(VoiceEvidence(seconds(1.1), False, seconds(1), seconds(0.1), 0.9), 1.1) is None
    assert turn_end.next_check(1.1) is None
    assert turn_end.check(9.0) is None
    assert turn_end.on(VoiceEvidence(seconds(1.2), False, seconds(1), seconds(0.2), 0.9), 9.1) is None
    assert turn_end.next_check(9.1) == pytest.approx(0.1)


def test_an_utterance_is_ended_once() -> None:
    caller = Caller(TurnEnd(SETTINGS))
    caller.begins()
    caller.speaks(1.0)
    assert caller.pauses("Can I return shoes?", probability=0.9) is not None
    assert caller.pauses("Can I return shoes?", probability=0.9) is None
    assert caller.turn_end.next_check(caller.now) is None


def test_without_speech_there_is_nothing_to_end() -> None:
    turn_end = TurnEnd(SETTINGS)
    assert turn_end.on(VoiceEvidence(seconds(9), False, seconds(0.05), seconds(8)), 9.0) is None
    assert turn_end.on(AudioEnded(), 9.0) is None


def test_the_end_of_the_audio_ends_an_utterance() -> None:
    turn_end = TurnEnd(SETTINGS)
    turn_end.on(UtteranceStarted(seconds(0)), 0.3)
    decision = turn_end.on(AudioEnded(), 1.0)
    assert decision is not None
    assert decision.reason is EndOfTurnReason.HALF_CLOSE


def test_typed_text_is_a_turn_unless_somebody_speaks() -> None:
    turn_end = TurnEnd(SETTINGS)
    decision = turn_end.on(TextTyped(), 0.0)
    assert decision is not None
    assert decision.reason is EndOfTurnReason.TEXT
    turn_end.on(UtteranceStarted(seconds(0)), 0.3)
    assert turn_end.on(TextTyped(), 1.0) is None


def test_keys_end_a_turn_by_hash_or_by_two_seconds() -> None:
    turn_end = TurnEnd(SETTINGS)
    assert turn_end.on(KeysPressed("12"), 0.0) is None
    assert turn_end.on(KeysPressed("3"), 1.5) is None
    assert turn_end.next_check(1.5) == pytest.approx(2.0)
    assert turn_end.check(3.4) is None
    decision = turn_end.check(3.5)
    assert decision is not None
    assert decision.reason is EndOfTurnReason.DTMF
    assert turn_end.check(9.0) is None
    decision = turn_end.on(KeysPressed("4#"), 9.0)
    assert decision is not None
    assert decision.reason is EndOfTurnReason.DTMF


def test_who_speaks_after_pressing_keys_ends_the_turn_by_speech() -> None:
    caller = Caller(TurnEnd(SETTINGS))
    caller.turn_end.on(KeysPressed("12"), 0.0)
    caller.begins()
    caller.speaks(3.0)
    decision = caller.pauses("Is that right?", probability=0.9)
    assert decision is not None
    assert decision.reason is EndOfTurnReason.COMPLETE


def test_a_decision_is_made_as_soon_as_the_words_are_known_and_not_before() -> None:
    assert silence_after("Can I return shoes?", settles_after=0.7) == pytest.approx(0.7, abs=0.01)
