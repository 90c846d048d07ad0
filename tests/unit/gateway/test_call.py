"""A live call's turns, in virtual time."""

from datetime import timedelta

import pytest

from gateway.call.types import (
    CallAudio,
    CallStarted,
    EndOfTurn,
    Goodbye,
    GoodbyeReason,
    PartialTranscript,
    SpeechStarted,
)
from gateway.turn.turn_end import EndOfTurnReason
from gateway.turn.turn_taking import TurnTaking
from gateway.turn.types import (
    AnswerAudio,
    AudioEncoding,
    AudioInput,
    Decision,
    Transcript,
    TurnCompleted,
    TurnStarted,
    Understood,
)
from tests.fakes.live_recognizer import quiet, say
from tests.fakes.turn import ANSWER, STATE
from tests.harness.call import MULAW_BYTES, SECONDS_A_CHARACTER, LiveDesk

QUESTION = "can I return shoes?"
ASKED = [*quiet(1.0), *say(QUESTION, 1.2), *quiet(6.0)]
ANSWERED_SECONDS = len("".join(ANSWER)) * SECONDS_A_CHARACTER


def test_a_question_is_heard_answered_played_and_stored() -> None:
    desk = LiveDesk()
    call = desk.hold(ASKED)
    assert call.error is None
    assert call.kinds == [
        "CallStarted",
        "SpeechStarted",
        "PartialTranscript",
        "EndOfTurn",
        "TurnStarted",
        "Transcript",
        "Understood",
        "AnswerText",
        "Citation",
        "AnswerText",
        "CallAudio",
        "TurnCompleted",
        "Goodbye",
    ]
    assert call.of(CallStarted) == [CallStarted(desk.config.turn_taking)]
    assert call.of(SpeechStarted) == [SpeechStarted(timedelta(seconds=1.0))]
    assert call.of(PartialTranscript)[-1] == PartialTranscript(QUESTION, 4, 1.0)
    [transcript] = call.of(Transcript)
    assert (transcript.text, transcript.language_code) == (QUESTION, "en")
    assert transcript.words[0].start == timedelta(seconds=0.3)  # in the turn's own audio
    [completed] = call.of(TurnCompleted)
    assert (completed.decision, completed.answer) == (Decision.ANSWER, "".join(ANSWER))
    assert not completed.interrupted
    assert call.of(Goodbye) == [Goodbye(GoodbyeReason.HALF_CLOSE)]
    [(customer, _, domain)] = desk.dialogue.work.calls
    assert (customer.text, customer.language_code, domain) == (QUESTION, "en", "shop")


def test_events_name_their_turn_and_the_calls_own_name_none() -> None:
    call = LiveDesk().hold(ASKED)
    ids = {timed.turn_id for timed in call.events}
    assert len(ids) == 2
    assert call.events[0].turn_id == call.events[-1].turn_id == ""
    assert all(timed.turn_id for timed in call.events[1:-1])


def test_the_turn_is_stored_with_its_audio_and_what_was_told() -> None:
    desk = LiveDesk()
    call = desk.hold(ASKED)
    [turn] = desk.sessions.accepting.calls[0]
    assert turn.speech == desk.config.speech
    spoken = b"".join(say(QUESTION, 1.2))
    assert isinstance(turn.audio, AudioInput)
    assert (turn.audio.encoding, turn.audio.sample_rate_hertz) == (AudioEncoding.MULAW, 8_000)
    before, _, behind = turn.audio.content.partition(spoken)
    assert len(before) == len(behind) == 0.3 * 8_000
    events, state = desk.sessions.completed[turn.turn_id]
    assert state == STATE
    stored = [timed.event for timed in events]
    assert {TurnStarted, Transcript, Understood, TurnCompleted} <= {type(event) for event in stored}
    [speech] = [event for event in stored if isinstance(event, AnswerAudio)]
    assert len(speech.audio) == MULAW_BYTES * len("".join(ANSWER))
    assert b"".join(piece.audio for piece in call.of(CallAudio)) == speech.audio


def test_the_turn_ends_after_the_silence_that_a_complete_sentence_takes() -> None:
    call = LiveDesk().hold(ASKED)
    [end] = call.of(EndOfTurn)
    assert end.reason is EndOfTurnReason.COMPLETE
    silence = TurnTaking().complete_silence.total_seconds()
    assert end.silence.total_seconds() == pytest.approx(silence, abs=0.02)
    assert call.at(EndOfTurn) == pytest.approx([2.2 + silence], abs=0.05)


def test_audio_is_at_most_a_second_ahead_of_what_was_played() -> None:
    call = LiveDesk().hold(ASKED)
    began = call.at(CallAudio)[0]
    pieces = [t for t in call.events if isinstance(t.event, CallAudio)]
    for timed in pieces:
        assert isinstance(timed.event, CallAudio)
        played = timed.offset.total_seconds() - began
        assert timed.event.position.total_seconds() - played <= 1.0 + 1e-3
    assert pieces[-1].offset.total_seconds() - began == pytest.approx(ANSWERED_SECONDS - 1.0, abs=0.1)
    assert call.at(TurnCompleted)[0] - began == pytest.approx(ANSWERED_SECONDS, abs=0.01)


def test_what_is_played_goes_to_the_recognizer_as_it_sounds() -> None:
    desk = LiveDesk()
    call = desk.hold(ASKED)
    assert desk.recognizer.played == b"".join(piece.audio for piece in call.of(CallAudio))


def test_an_answer_begun_in_the_pause_is_used_when_the_turn_is_over() -> None:
    desk = LiveDesk()
    desk.dialogue.work.seconds = 0.15
    desk.voice.work.seconds = 0.1
    call = desk.hold(ASKED)
    assert [end.anticipated for end in call.of(EndOfTurn)] == [True]
    assert (desk.counted.begun_early, desk.counted.anticipated) == (1, 1)
    assert len(desk.dialogue.work.calls) == 1
    assert call.at(CallAudio)[0] - call.at(EndOfTurn)[0] < 0.06  # it took 0.25 s, begun 0.2 s before


def test_an_answer_begun_too_early_is_dropped_and_nobody_hears_of_it() -> None:
    desk = LiveDesk()
    desk.recognizer.end_of_turn_probability = 0.0
    call = desk.hold(
        [*say("can I return shoes?", 1.0), *quiet(0.5), *say("or only exchange them?", 1.0), *quiet(6.0)]
    )
    assert [end.anticipated for end in call.of(EndOfTurn)] == [True]
    assert (desk.counted.begun_early, desk.counted.anticipated) == (2, 1)
    assert len(call.of(Understood)) == len(desk.sessions.accepting.calls) == 1
    assert [event.text for event in call.of(Transcript)] == ["can I return shoes? or only exchange them?"]


def test_two_questions_are_two_turns_and_the_state_goes_along() -> None:
    desk = LiveDesk()
    call = desk.hold([*ASKED, *say("and how long does it take?", 1.2), *quiet(6.0)])
    assert len(call.of(TurnCompleted)) == 2
    assert len({turn.turn_id for (turn,) in desk.sessions.accepting.calls}) == 2
    assert [state for _, state, _ in desk.dialogue.work.calls] == [None, STATE]


def test_noise_without_words_is_no_turn() -> None:
    desk = LiveDesk()
    call = desk.hold([*say("", 1.0), *quiet(3.0)])
    assert call.kinds == ["CallStarted", "SpeechStarted", "PartialTranscript", "Goodbye"]
    assert not desk.sessions.accepting.calls
