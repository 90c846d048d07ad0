"""The orchestration of a turn, in virtual time."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from gateway.turn.features import CustomerInput
from gateway.turn.types import (
    AnswerAudio,
    AnswerText,
    Citation,
    Decision,
    DialogueState,
    Notice,
    SpeechFormat,
    SpeechRequest,
    Stage,
    Transcript,
    TurnCompleted,
    TurnStarted,
    Understood,
)
from services.serving.errors import DeadlineExceeded, InvalidArgument, NotFound, Unavailable
from tests.fakes.turn import (
    ANSWER,
    CITATION,
    COMPLETED,
    STATE,
    UNDERSTOOD,
)
from tests.harness.turn import EVERYTHING, SPOKEN, TYPED, Desk, bare, of
from tests.harness.virtual_time import run_virtually

DOWN = Unavailable("PEER_UNAVAILABLE", "it cannot be reached")


def test_a_typed_turn_is_answered_without_asr_and_speech() -> None:
    desk = Desk()
    events, error, _ = desk.take(TYPED)
    assert error is None
    *before, completed = bare(events)
    assert before == [
        TurnStarted(),
        UNDERSTOOD,
        AnswerText(ANSWER[0]),
        CITATION,
        AnswerText(ANSWER[1]),
    ]
    assert isinstance(completed, TurnCompleted)
    assert (completed.decision, completed.answer, completed.replayed) == (
        Decision.ANSWER,
        COMPLETED.answer,
        False,
    )
    assert [timing.stage for timing in completed.timings] == [
        Stage.STORE,
        Stage.TEXT,
        Stage.DIALOGUE,
        Stage.STORE,
    ]
    assert not desk.recognizer.work.calls
    assert not desk.synthesizer.work.calls
    customer = CustomerInput("Where is it?", "en", desk.embedder.embedding)
    assert desk.dialogue.work.calls == [(customer, None, "shop")]


def test_what_was_said_and_typed_is_joined_and_the_sessions_state_goes_along() -> None:
    desk = Desk()
    desk.store.state = DialogueState(b"before", "shop@1")
    events, error, _ = desk.take(replace(SPOKEN, text="Order 17"))
    assert error is None
    assert of(Transcript, events) == [desk.recognizer.transcript]
    [(customer, state, _)] = desk.dialogue.work.calls
    assert customer.text == "where is my order\nOrder 17"
    assert customer.language_code == "en"  # as it was heard
    assert customer.acoustic is None  # only turns with pictures are fused
    assert state == desk.store.state
    assert desk.embedder.work.calls == [((customer.text,), False)]


def test_the_language_of_the_turn_is_the_language_to_hear() -> None:
    desk = Desk()
    desk.take(replace(SPOKEN, language_code="zh"))
    assert desk.recognizer.work.calls[0][0].language_code == "zh"


def test_speech_begins_while_the_answer_is_still_being_written() -> None:
    desk = Desk()
    desk.dialogue.seconds_between = 1.0
    desk.synthesizer.work.seconds = 0.5
    events, error, _ = desk.take(SPOKEN)
    assert error is None
    answering = [event for event in bare(events) if isinstance(event, AnswerText | AnswerAudio)]
    assert answering == [
        AnswerText(ANSWER[0]),
        AnswerAudio(ANSWER[0].encode(), SpeechFormat()),
        AnswerText(ANSWER[1]),
        AnswerAudio(ANSWER[1].encode()),
    ]
    at = {type(timed.event): timed.offset.total_seconds() for timed in reversed(events)}
    assert at[AnswerText] == pytest.approx(2.0)
    assert at[AnswerAudio] == pytest.approx(2.5)
    assert at[TurnCompleted] == pytest.approx(5.0)


def test_stages_are_timed_from_the_turns_start() -> None:
    desk = Desk()
    for stage, seconds in {Stage.STORE: 0.1, Stage.ASR: 1.0, Stage.TEXT: 0.25, Stage.DIALOGUE: 0.5}.items():
        desk.work(stage).seconds = seconds
    desk.store.completing.seconds = 0.2
    events, _, _ = desk.take(replace(SPOKEN, speech=None))
    completed = bare(events)[-1]
    assert isinstance(completed, TurnCompleted)
    timings = [(t.stage, t.start.total_seconds(), t.duration.total_seconds()) for t in completed.timings]
    expected = [
        (Stage.STORE, 0.0, 0.1),
        (Stage.ASR, 0.0, 1.0),  # while the turn is being stored
        (Stage.TEXT, 1.0, 0.25),
        (Stage.DIALOGUE, 1.25, 0.5),
        (Stage.STORE, 1.75, 0.2),
    ]
    for timing, wanted in zip(timings, expected, strict=True):
        assert timing[0] is wanted[0]
        assert timing[1:] == pytest.approx(wanted[1:], abs=1e-5)


def test_speech_takes_the_answers_language_unless_one_was_asked_for() -> None:
    desk = Desk()
    desk.take(SPOKEN)
    assert desk.synthesizer.work.calls[0][0] == SpeechRequest(language_code="en")
    chosen = SpeechRequest(voice="bella")
    desk = Desk()
    desk.take(replace(SPOKEN, speech=chosen))
    assert desk.synthesizer.work.calls[0][0] == chosen


def test_when_nobody_spoke_dialogue_asks_back() -> None:
    desk = Desk()
    desk.recognizer.transcript = Transcript("", "", 0.0)
    events, error, _ = desk.take(SPOKEN)
    assert error is None
    assert of(Transcript, events) == [Transcript("", "", 0.0)]
    assert desk.dialogue.work.calls == [(CustomerInput(""), None, "shop")]


@pytest.mark.parametrize("stage", [Stage.ASR, Stage.TEXT, Stage.DIALOGUE, Stage.STORE])
def test_a_needed_stage_that_fails_ends_the_turn(stage: Stage) -> None:
    desk = Desk()
    desk.work(stage).error = DOWN
    events, error, _ = desk.take(EVERYTHING)
    assert error is DOWN
    assert not of(TurnCompleted, events)
    assert not desk.store.completed
    assert desk.store.left == 1


def test_dialogue_that_fails_midway_ends_the_turn_and_its_speech() -> None:
    desk = Desk()
    desk.dialogue.events = (UNDERSTOOD, AnswerText(ANSWER[0]), DOWN)
    desk.dialogue.seconds_between = 1.0
    desk.synthesizer.work.seconds = 60.0
    events, error, seconds = desk.take(SPOKEN)
    assert error is DOWN
    assert seconds == pytest.approx(3.0)
    assert desk.synthesizer.work.cancelled
    assert not of(TurnCompleted, events)


def test_dialogue_that_ends_without_completing_is_unavailable() -> None:
    desk = Desk()
    desk.dialogue.events = (UNDERSTOOD, AnswerText(ANSWER[0]))
    _, error, _ = desk.take(SPOKEN)
    assert isinstance(error, Unavailable)
    assert error.reason == "DIALOGUE_INCOMPLETE"


def test_a_turn_that_cannot_be_stored_is_not_acknowledged() -> None:
    desk = Desk()
    desk.store.completing.error = Unavailable("STORE_UNAVAILABLE", "disk full")
    events, error, _ = desk.take(TYPED)
    assert error is desk.store.completing.error
    assert not of(TurnCompleted, events)


def test_the_customers_mistakes_are_told_as_such() -> None:
    for refusal in (InvalidArgument("AUDIO_TRUNCATED", "cut"), NotFound("DOMAIN_NOT_FOUND", "none")):
        desk = Desk()
        desk.recognizer.work.error = refusal
        assert desk.take(SPOKEN)[1] is refusal


@pytest.mark.parametrize("after", [0, 1])
def test_speech_that_fails_becomes_a_notice(after: int) -> None:
    desk = Desk()
    desk.synthesizer.error, desk.synthesizer.fails_after = DOWN, after
    events, error, _ = desk.take(SPOKEN)
    assert error is None
    [notice] = of(Notice, events)
    assert isinstance(notice, Notice)
    assert (notice.stage, notice.reason) == (Stage.TTS, "SPEECH_UNAVAILABLE")
    assert DOWN.message in notice.message
    assert len(of(AnswerAudio, events)) == after
    assert len(of(AnswerText, events)) == 2
    assert isinstance(bare(events)[-1], TurnCompleted)
    assert desk.store.completed["t1"][1] == STATE


def test_speech_that_stalls_is_given_up() -> None:
    desk = Desk()
    desk.synthesizer.work.seconds = 3600.0
    events, error, seconds = desk.take(SPOKEN)
    assert error is None
    assert seconds == pytest.approx(5.0)  # the stall limit
    assert of(Notice, events)
    assert desk.synthesizer.work.cancelled


def test_speech_has_no_more_than_the_turns_time() -> None:
    desk = Desk()
    desk.synthesizer.work.seconds = 3.0  # below the stall limit, but for each of the two sentences
    events, error, seconds = desk.take(SPOKEN, budget=5.0)
    assert error is None
    assert seconds == pytest.approx(4.8)
    assert len(of(AnswerAudio, events)) == 1
    assert of(Notice, events)


@pytest.mark.parametrize("stage", [Stage.ASR, Stage.TEXT, Stage.DIALOGUE])
def test_a_needed_stage_that_hangs_ends_the_turn_within_its_budget(stage: Stage) -> None:
    desk = Desk()
    desk.work(stage).seconds = 3600.0
    _, error, seconds = desk.take(EVERYTHING, budget=10.0)
    assert isinstance(error, DeadlineExceeded)
    assert error.metadata["stage"] == stage
    assert 0 < seconds < 10.0
    assert desk.work(stage).cancelled
    assert not desk.store.completed


def test_a_peers_own_deadline_is_the_turns() -> None:
    desk = Desk()
    desk.dialogue.work.error = DeadlineExceeded("DIALOGUE_DEADLINE_EXCEEDED", "late")
    _, error, _ = desk.take(TYPED)
    assert isinstance(error, DeadlineExceeded)
    assert error.reason == "TURN_DEADLINE_EXCEEDED"


def test_no_time_at_all_is_told_before_any_call() -> None:
    desk = Desk()
    _, error, _ = desk.take(SPOKEN, budget=0.1)
    assert isinstance(error, DeadlineExceeded)
    assert not desk.recognizer.work.calls


@pytest.mark.parametrize(
    "stage", [Stage.STORE, Stage.ASR, Stage.VISION, Stage.TEXT, Stage.DIALOGUE, Stage.TTS]
)
def test_a_customer_who_leaves_cancels_what_is_under_way(stage: Stage) -> None:
    desk = Desk()
    desk.work(stage).seconds = 4.0

    async def leave_after_a_second() -> None:
        async def listen() -> None:
            async with aclosing(desk.handler().handle(EVERYTHING, budget_seconds=20.0)) as events:
                async for _ in events:
                    pass

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listen(), 1.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(leave_after_a_second())
    assert desk.work(stage).cancelled
    assert desk.store.left == 1
    assert not desk.store.completed


def test_a_customer_who_stops_listening_between_events_cancels_too() -> None:
    desk = Desk()
    desk.dialogue.seconds_between = 1.0

    async def leave_at_the_first_text() -> None:
        async with aclosing(desk.handler().handle(TYPED, budget_seconds=20.0)) as events:
            async for timed in events:
                if isinstance(timed.event, AnswerText):
                    break

    run_virtually(leave_at_the_first_text())
    assert desk.dialogue.work.cancelled
    assert not desk.store.completed


def test_a_completed_turn_is_replayed_without_being_answered_again() -> None:
    desk = Desk()
    first, _, _ = desk.take(EVERYTHING)
    desk.recognizer.work.seconds, desk.store.accepting.seconds = 1.0, 0.1
    second, error, _ = desk.take(EVERYTHING)
    assert error is None
    assert bare(second)[:-1] == bare(first)[:-1]
    [completed] = of(TurnCompleted, second)
    assert isinstance(completed, TurnCompleted)
    assert completed.replayed
    assert [len(desk.work(stage).calls) for stage in (Stage.TEXT, Stage.DIALOGUE, Stage.TTS)] == [1, 1, 1]
    assert desk.recognizer.work.cancelled  # it began while the store was asked


def test_what_is_stored_is_what_was_sent() -> None:
    desk = Desk()
    sent, _, _ = desk.take(EVERYTHING)
    stored, state = desk.store.completed["t1"]
    assert list(stored[:-1]) == sent[:-1]
    assert state == STATE
    assert {type(event) for event in bare(stored)} >= {Understood, AnswerText, AnswerAudio, Citation}


def test_an_answer_without_words_is_not_spoken() -> None:
    desk = Desk()
    desk.dialogue.events = (UNDERSTOOD, replace(COMPLETED, answer=""))
    events, error, _ = desk.take(SPOKEN)
    assert error is None
    assert not desk.synthesizer.work.calls
    assert not of(Notice, events)
