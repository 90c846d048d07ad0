"""How a live call begins, is bounded and ends, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.call.types import (
    CallAudio,
    CallInput,
    EndOfTurn,
    Goodbye,
    GoodbyeReason,
    HungUp,
    NoInput,
    Pressed,
    Shown,
    Typed,
)
from gateway.turn.turn_end import EndOfTurnReason
from gateway.turn.types import (
    AnswerText,
    CustomerTurn,
    Handoff,
    HandoffReason,
    ImageInput,
    ImageSeen,
    TurnCompleted,
)
from services.serving.errors import (
    Aborted,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from tests.fakes.live_recognizer import quiet, say
from tests.fakes.turn import ANSWER, COMPLETED, UNDERSTOOD
from tests.harness.call import HeldCall, LiveDesk, Wait, play
from tests.harness.virtual_time import VirtualClock, run_virtually

QUESTION = [*say("can I return shoes?", 1.0), *quiet(0.4)]


def turn_of(desk: LiveDesk, number: int = 0) -> CustomerTurn:
    """A turn that was accepted."""
    turn = desk.sessions.accepting.calls[number][0]
    assert isinstance(turn, CustomerTurn)
    return turn


def test_typed_text_is_a_turn_of_its_own_where_nobody_speaks() -> None:
    desk = LiveDesk()
    call = desk.hold([Typed("can I return shoes?"), *quiet(4.0)])
    assert [end.reason for end in call.of(EndOfTurn)] == [EndOfTurnReason.TEXT]
    assert call.at(EndOfTurn) == [0.0]
    assert (turn_of(desk).text, turn_of(desk).audio) == ("can I return shoes?", None)


def test_text_and_pictures_join_what_is_being_said() -> None:
    desk = LiveDesk()
    picture = ImageInput(b"Error 42", "image/png")
    call = desk.hold(
        [*say("what does", 0.6), Typed("Order 17"), Shown(picture), *say("this mean?", 0.6), *quiet(4.0)]
    )
    assert len(desk.sessions.accepting.calls) == 1
    assert (turn_of(desk).text, turn_of(desk).images) == ("Order 17", (picture,))
    assert turn_of(desk).audio is not None
    [customer] = [customer for customer, _, _ in desk.dialogue.work.calls]
    assert customer.text == "what does this mean?\nOrder 17"
    assert customer.acoustic is not None  # a turn with a picture is fused
    assert len(call.of(ImageSeen)) == 1


def test_keys_end_the_turn_by_a_hash_or_after_two_seconds() -> None:
    desk = LiveDesk()
    call = desk.hold([Pressed("4"), *quiet(0.5), Pressed("2#"), *quiet(5.0), Pressed("17"), *quiet(6.0)])
    assert [end.reason for end in call.of(EndOfTurn)] == [EndOfTurnReason.DTMF] * 2
    assert [turn_of(desk, number).text for number in (0, 1)] == ["42", "17"]
    assert call.at(EndOfTurn) == pytest.approx([0.5, 5.5 + 2.0], abs=0.03)


def test_a_customer_who_says_nothing_is_noticed_again_and_again() -> None:
    call = LiveDesk().hold(quiet(20.0))
    assert call.of(NoInput) == [NoInput(1), NoInput(2)]
    assert call.at(NoInput) == pytest.approx([8.0, 16.0], abs=0.03)


def test_silence_counts_from_the_end_of_the_answer() -> None:
    call = LiveDesk(no_input_timeout=timedelta(seconds=2.0)).hold([*QUESTION, *quiet(5.5)])
    assert call.of(NoInput) == [NoInput(1)]
    assert call.at(NoInput)[0] - call.at(TurnCompleted)[0] == pytest.approx(2.0, abs=0.03)


def test_half_closing_ends_the_turn_and_the_call_when_all_is_answered() -> None:
    call = LiveDesk().hold(say("can I return shoes?", 1.0))
    assert [end.reason for end in call.of(EndOfTurn)] == [EndOfTurnReason.HALF_CLOSE]
    assert call.at(EndOfTurn) == pytest.approx([1.0], abs=0.03)
    assert call.of(TurnCompleted)[0].answer == "".join(ANSWER)
    assert call.of(Goodbye) == [Goodbye(GoodbyeReason.HALF_CLOSE)]


def test_a_picture_alone_is_answered_when_the_customer_half_closes() -> None:
    desk = LiveDesk()
    call = desk.hold([Shown(ImageInput(b"Error 42", "image/png"))])
    assert call.error is None
    assert len(call.of(TurnCompleted)) == 1


def test_hanging_up_drops_what_is_being_said_and_stores_what_was_heard() -> None:
    desk = LiveDesk()
    call = desk.hold([*QUESTION, *quiet(1.0), *say("I", 0.1), HungUp(), Wait(60.0)])
    [completed] = call.of(TurnCompleted)
    assert completed.interrupted
    assert 0 < len(completed.answer) < len("".join(ANSWER))
    assert call.of(Goodbye) == [Goodbye(GoodbyeReason.HANG_UP)]
    assert len(desk.sessions.completed) == 1
    assert call.seconds < 3.0
    spoken = desk.hold([*say("can I", 0.5), HungUp()])
    assert not spoken.of(EndOfTurn)


def test_a_client_that_vanishes_ends_all_and_what_was_heard_is_stored() -> None:
    desk = LiveDesk()

    async def vanish() -> None:
        calls = desk.calls()
        async with aclosing(calls.hold(desk.config, play([*QUESTION, *quiet(60.0)]), desk.renew)) as events:
            async for timed in events:
                if isinstance(timed.event, CallAudio) and timed.event.position > timedelta(seconds=1.5):
                    break
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(vanish())
    assert desk.recognizer.ended == 1
    assert desk.sessions.held == 0
    [(events, _)] = desk.sessions.completed.values()
    completed = events[-1].event
    assert isinstance(completed, TurnCompleted)
    assert completed.interrupted


def test_a_handoff_ends_the_call_when_its_words_were_played() -> None:
    desk = LiveDesk()
    handoff = Handoff(HandoffReason.REQUESTED, "wants a person")
    desk.dialogue.events = (UNDERSTOOD, AnswerText(ANSWER[0]), handoff, replace(COMPLETED, answer=ANSWER[0]))
    call = desk.hold([*QUESTION, *quiet(0.5), *say("no I mean wait", 0.6), *quiet(30.0)])
    assert call.of(Handoff) == [handoff]
    assert call.of(Goodbye) == [Goodbye(GoodbyeReason.HANDOFF)]
    [completed] = call.of(TurnCompleted)
    assert (completed.answer, completed.interrupted) == (ANSWER[0], False)
    assert call.seconds < 4.0


def test_shutting_down_waits_for_the_answer_under_way() -> None:
    desk = LiveDesk()

    async def run() -> HeldCall:
        calls = desk.calls()
        asyncio.get_running_loop().call_later(2.0, calls.shut_down)
        return await desk.run(calls, play([*QUESTION, *quiet(60.0)]))

    call = run_virtually(run())
    assert call.of(Goodbye) == [Goodbye(GoodbyeReason.SHUTDOWN)]
    assert call.of(TurnCompleted)[0].answer == "".join(ANSWER)


def test_a_call_that_brings_nothing_is_given_up() -> None:
    call = LiveDesk().hold([*quiet(1.0), Wait(100.0)])
    assert isinstance(call.error, DeadlineExceeded)
    assert call.error.reason == "CALL_IDLE"
    assert call.seconds == pytest.approx(31.0, abs=0.1)


def test_a_call_has_an_end() -> None:
    desk = LiveDesk()
    desk.limits = replace(desk.limits, call_seconds=12.0)
    call = desk.hold(quiet(60.0))
    assert isinstance(call.error, DeadlineExceeded)
    assert call.error.reason == "CALL_TOO_LONG"
    assert call.seconds == pytest.approx(12.0, abs=0.03)


def test_words_that_never_come_end_the_call() -> None:
    desk = LiveDesk()
    desk.recognizer.deaf_to_ends = True
    call = desk.hold([*QUESTION, *quiet(60.0)])
    assert isinstance(call.error, Unavailable)
    assert call.error.reason == "ASR_UNAVAILABLE"


@pytest.mark.parametrize("error", [Unavailable("ASR_UNAVAILABLE", "down"), ResourceExhausted("FULL", "full")])
def test_hearing_that_fails_ends_the_call(error: Exception) -> None:
    desk = LiveDesk()
    desk.recognizer.error = error
    assert desk.hold(quiet(1.0)).error is error


def test_what_is_not_published_or_cannot_be_seen_ends_the_call() -> None:
    desk = LiveDesk()
    desk.dialogue.events = (FailedPrecondition("NOT_PUBLISHED", "publish it"),)
    assert desk.hold([Typed("hello"), *quiet(1.0)]).error is desk.dialogue.events[0]
    desk = LiveDesk()
    refusal = InvalidArgument("IMAGE_UNDECODABLE", "it is none", field="content")
    desk.image_reader.work.error = refusal
    error = desk.hold([Shown(ImageInput(b"", "image/png")), Typed("this?"), *quiet(1.0)]).error
    assert isinstance(error, InvalidArgument)
    assert error.violations[0].field == "images[0].content"


def test_a_turn_that_cannot_be_stored_ends_the_call() -> None:
    for work in ("accepting", "completing"):
        desk = LiveDesk()
        getattr(desk.sessions, work).error = Unavailable("STORE_UNAVAILABLE", "disk full")
        error = desk.hold([*QUESTION, *quiet(8.0)]).error
        assert error is getattr(desk.sessions, work).error


def test_a_taken_session_is_refused() -> None:
    desk = LiveDesk()
    desk.sessions.error = Aborted("TURN_IN_PROGRESS", "taken")
    call = desk.hold(quiet(1.0))
    assert call.error is desk.sessions.error
    assert not call.events


def test_places_are_bounded_and_given_back() -> None:
    calls = LiveDesk(most=1).calls()
    with calls.place(), pytest.raises(ResourceExhausted) as refused, calls.place():
        pass
    assert (refused.value.reason, refused.value.metadata["max_calls"]) == ("CALLS_AT_CAPACITY", "1")
    with calls.place():
        pass


def test_a_turn_holds_so_much_and_no_more() -> None:
    desk = LiveDesk()
    desk.limits = replace(desk.limits, images=1, text_characters=10)
    picture = Shown(ImageInput(b"x", "image/png"))
    for items, reason in (
        ([picture, picture], "TOO_MANY_IMAGES"),
        ([*say("hello there", 0.4), Typed("12345"), Typed("67890")], "TEXT_TOO_LONG"),
    ):
        error = desk.hold([*items, *quiet(0.5)]).error
        assert isinstance(error, ResourceExhausted)
        assert error.reason == reason


def test_a_slow_reader_makes_everything_wait() -> None:
    desk = LiveDesk()
    sent = 0

    async def counted() -> AsyncIterator[CallInput]:
        nonlocal sent
        async for item in play([*QUESTION, *say("and then and then", 600.0)]):
            sent += 1
            yield item

    async def read_slowly() -> None:
        async with aclosing(desk.calls().hold(desk.config, counted(), desk.renew)) as events:
            async for timed in events:
                if isinstance(timed.event, CallAudio):
                    await asyncio.sleep(200.0)
                    return

    run_virtually(read_slowly())
    assert sent * 0.02 < 30.0  # of the 200 s: what waits between is bounded


def test_the_credential_is_renewed_for_each_answer() -> None:
    desk = LiveDesk()
    desk.hold([Typed("one"), *quiet(4.0), Typed("two"), *quiet(4.0)])
    assert desk.renewed == 2


def test_two_calls_do_not_hear_each_other() -> None:
    desk = LiveDesk()

    async def run() -> tuple[HeldCall, HeldCall]:
        calls = desk.calls()

        async def hold(words: str) -> HeldCall:
            events = []
            script = [*say(words, 1.0), *quiet(5.0)]
            async with aclosing(calls.hold(desk.config, play(script), desk.renew)) as stream:
                async for event in stream:
                    events.append(event)
            return HeldCall(events, None, VirtualClock().monotonic())

        first, second = await asyncio.gather(hold("where are my shoes?"), hold("where are my boots?"))
        return first, second

    first, second = run_virtually(run())
    for call, own, other in ((first, "shoes", "boots"), (second, "boots", "shoes")):
        told = repr(call.events)
        assert own in told
        assert other not in told
