"""A customer who speaks while an answer is prepared or played, in virtual time."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from gateway.call.types import CallAudio, CallInput, EndOfTurn, PlaybackReport, PlaybackStop, Pressed, Typed
from gateway.turn.types import (
    AnswerAudio,
    AnswerText,
    DialogueCompleted,
    Notice,
    Stage,
    Transcript,
    TurnCompleted,
)
from services.serving.errors import Unavailable
from tests.fakes.live_recognizer import quiet, say
from tests.fakes.turn import ANSWER, COMPLETED, STATE, UNDERSTOOD
from tests.harness.call import MULAW_BYTES, HeldCall, LiveDesk, play
from tests.harness.virtual_time import run_virtually

QUESTION = [*say("can I return shoes?", 1.0), *quiet(0.4)]
WHOLE = "".join(ANSWER)


def interrupted_by(
    words: Sequence[bytes | CallInput], desk: LiveDesk | None = None, after: float = 1.0
) -> HeldCall:
    """About ``after`` seconds into the answer's audio the customer speaks."""
    return (desk or LiveDesk()).hold([*QUESTION, *quiet(after), *words, *quiet(8.0)])


def test_speech_during_the_answer_stops_it_and_is_the_next_turn() -> None:
    desk = LiveDesk()
    call = interrupted_by(say("no I mean the red boots.", 1.2), desk)
    assert call.error is None
    [stop] = call.of(PlaybackStop)
    first, second = call.of(TurnCompleted)
    assert (first.interrupted, second.interrupted) == (True, False)
    assert second.answer == WHOLE
    assert [transcript.text for transcript in call.of(Transcript)] == [
        "can I return shoes?",
        "no I mean the red boots.",
    ]
    began = call.at(CallAudio)[0]
    [stopped] = call.at(PlaybackStop)
    assert stop.position.total_seconds() == pytest.approx(stopped - began, abs=0.02)
    assert stopped == pytest.approx(2.4 + 0.2, abs=0.03)  # 160 ms of speech, told every 100 ms
    assert desk.counted.interrupted == 1


def test_the_history_keeps_the_words_and_the_audio_that_were_heard() -> None:
    desk = LiveDesk()
    call = interrupted_by(say("no I mean the red boots.", 1.2), desk)
    [stop] = call.of(PlaybackStop)
    turn = desk.sessions.accepting.calls[0][0]
    events, state = desk.sessions.completed[turn.turn_id]
    stored = [timed.event for timed in events]
    heard = call.of(TurnCompleted)[0].answer
    assert heard
    assert WHOLE.startswith(heard)
    assert len(heard) < len(WHOLE)
    assert len(heard) == pytest.approx(stop.position.total_seconds() / 0.05, abs=10)  # whole words
    assert "".join(event.delta for event in stored if isinstance(event, AnswerText)) == heard
    [speech] = [event for event in stored if isinstance(event, AnswerAudio)]
    assert len(speech.audio) / 8_000 == pytest.approx(stop.position.total_seconds(), abs=0.061)
    assert state == STATE


def test_what_is_still_written_and_spoken_is_cancelled() -> None:
    desk = LiveDesk()
    desk.dialogue.events = (UNDERSTOOD, AnswerText(ANSWER[0]), AnswerText(ANSWER[1]), COMPLETED)
    desk.dialogue.seconds_between = 1.5
    call = interrupted_by(say("no I mean the red boots.", 0.6), desk, after=1.8)
    first = call.of(TurnCompleted)[0]
    assert first.interrupted
    assert desk.dialogue.work.cancelled
    turn = desk.sessions.accepting.calls[0][0]
    assert (
        desk.sessions.completed[turn.turn_id][1] is None
    )  # the state that it would have led to is not known
    assert desk.voice.work.cancelled or len(desk.voice.spoken) < 4


def test_an_acknowledgement_does_not_take_the_turn() -> None:
    desk = LiveDesk()
    call = interrupted_by(say("okay", 0.4), desk)
    [completed] = call.of(TurnCompleted)
    assert (completed.interrupted, completed.answer) == (False, WHOLE)
    assert len(call.of(EndOfTurn)) == len(desk.sessions.accepting.calls) == 1
    assert played(call) == len(WHOLE) * MULAW_BYTES


def played(call: HeldCall) -> int:
    """Bytes of the answer that the customer's client has in the end, as positions and stops tell."""
    end = 0
    for timed in call.events:
        if isinstance(timed.event, CallAudio):
            end = round(timed.event.position.total_seconds() * 8_000) + len(timed.event.audio)
    return end


def test_a_noise_stops_the_answer_for_a_moment_only() -> None:
    call = interrupted_by(say("", 0.3))
    assert len(call.of(PlaybackStop)) == 1
    [completed] = call.of(TurnCompleted)
    assert not completed.interrupted
    assert played(call) == len(WHOLE) * MULAW_BYTES


def test_a_short_sound_does_not_stop_the_answer() -> None:
    call = interrupted_by(say("", 0.1))
    assert not call.of(PlaybackStop)
    assert not call.of(TurnCompleted)[0].interrupted


def test_an_uninterruptible_answer_goes_on_and_what_was_said_is_answered_next() -> None:
    desk = LiveDesk(uninterruptible=True)
    call = interrupted_by(say("no I mean the red boots.", 1.2), desk)
    assert not call.of(PlaybackStop)
    first, second = call.of(TurnCompleted)
    assert (first.answer, second.answer) == (WHOLE, WHOLE)
    assert not first.interrupted
    ends = call.at(EndOfTurn)
    assert ends[1] == pytest.approx(call.at(TurnCompleted)[0], abs=0.01)


def test_who_goes_on_before_anything_was_heard_had_not_finished() -> None:
    desk = LiveDesk()
    desk.dialogue.work.seconds = 2.0
    call = desk.hold(
        [*say("can I return shoes.", 1.0), *quiet(0.5), *say("if I have worn them?", 1.0), *quiet(8.0)]
    )
    assert not call.of(PlaybackStop)  # nothing was played
    assert [transcript.text for transcript in call.of(Transcript)] == [
        "can I return shoes.",
        "can I return shoes. if I have worn them?",
    ]
    first, second = call.of(TurnCompleted)
    assert (first.interrupted, first.answer) == (True, "")
    assert second.answer == WHOLE
    [_, (last,)] = desk.sessions.accepting.calls
    assert last.audio is not None
    assert say("can I return shoes.", 1.0)[0] in last.audio.content
    assert [state for _, state, _ in desk.dialogue.work.calls][-1] is None  # the first turn leads nowhere


@pytest.mark.parametrize("acts", [Typed("the red boots"), Pressed("17#")])
def test_who_types_during_an_answer_ends_it(acts: CallInput) -> None:
    desk = LiveDesk()
    call = interrupted_by([acts], desk)
    assert len(call.of(PlaybackStop)) == 1
    first, second = call.of(TurnCompleted)
    assert (first.interrupted, second.interrupted) == (True, False)
    assert desk.dialogue.work.calls[-1][0].text in ("the red boots", "17")


def test_the_clients_word_counts_for_what_was_heard() -> None:
    desk = LiveDesk()

    async def inputs() -> AsyncIterator[CallInput]:
        async for item in play([*QUESTION, *quiet(1.0)]):
            yield item
        turn = desk.sessions.accepting.calls[0][0]
        rest = [*say("no I mean the red boots.", 1.2), *quiet(8.0)]
        async for item in play([PlaybackReport(turn.turn_id, timedelta(seconds=0.25)), *rest]):
            yield item

    async def run() -> HeldCall:
        return await desk.run(desk.calls(), inputs())

    call = run_virtually(run())
    [stop] = call.of(PlaybackStop)
    assert stop.position.total_seconds() == pytest.approx(0.25 + 0.2, abs=0.03)


def test_a_failing_dialogue_is_told_and_the_call_goes_on() -> None:
    desk = LiveDesk()
    desk.dialogue.events = (Unavailable("DIALOGUE_UNAVAILABLE", "it restarts"),)
    call = desk.hold([*QUESTION, *quiet(3.0)])
    assert call.error is None
    [notice] = call.of(Notice)
    assert (notice.stage, notice.reason) == (Stage.DIALOGUE, "DIALOGUE_UNAVAILABLE")
    assert not call.of(TurnCompleted)
    assert not desk.sessions.completed


def test_completed_without_text_is_completed() -> None:
    desk = LiveDesk()
    desk.dialogue.events = (UNDERSTOOD, DialogueCompleted(COMPLETED.decision, "", STATE))
    call = desk.hold([*QUESTION, *quiet(3.0)])
    assert [completed.answer for completed in call.of(TurnCompleted)] == [""]
