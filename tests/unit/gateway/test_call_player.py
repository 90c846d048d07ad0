"""A customer played into a call, in virtual time."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc
import numpy as np
import pytest
from frontdesk.gateway.v1 import conversation_pb2

from gateway.cli.call_coding import CallFormat, Coding, Samples
from gateway.cli.call_playback import Playback
from gateway.cli.call_player import (
    Action,
    CallEnd,
    Echo,
    Keys,
    PlayedCall,
    ShownImage,
    TypedText,
    play_call,
)
from gateway.cli.call_voice import Recording
from gateway.client import FrontdeskApiError
from tests.fakes.live_call import Event, ScriptedCall, seconds
from tests.harness.virtual_time import run_virtually

TELEPHONE = CallFormat(Coding.LINEAR16, 8000)
ONE_SECOND = np.full(8000, 1000, np.int16)
QUIET = CallEnd(quiet_seconds=1.0)


def event(turn_id: str = "t1", **fields: Any) -> Event:
    return Event(session_id="s1", turn_id=turn_id, **fields)


def started() -> Event:
    return event("", call_started=conversation_pb2.CallStarted())


def answer(position: float, samples: Samples, turn_id: str = "t1") -> Event:
    audio = samples.astype("<i2").tobytes()
    return event(turn_id, answer_audio=conversation_pb2.CallAudio(audio=audio, position=seconds(position)))


def stop(position: float) -> Event:
    return event(playback_stop=conversation_pb2.PlaybackStop(position=seconds(position)))


def completed() -> Event:
    return event(turn_completed=conversation_pb2.TurnCompleted())


def turn_started() -> Event:
    return event(turn_started=conversation_pb2.TurnStarted())


def played(
    script: list[tuple[float, Event]],
    customer: Samples = ONE_SECOND,
    failure: FrontdeskApiError | None = None,
    **options: Any,
) -> tuple[ScriptedCall, PlayedCall]:
    async def hold() -> tuple[ScriptedCall, PlayedCall]:
        call = ScriptedCall(script, failure)
        options.setdefault("end", QUIET)
        return call, await play_call(call, Recording(customer), TELEPHONE, **options)

    return run_virtually(hold())


def spans(samples: Samples) -> list[tuple[float, float]]:
    """Where there is sound, in seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], samples != 0, [0]])))
    return [(round(a / 8000, 3), round(b / 8000, 3)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_a_frame_leaves_when_it_has_been_spoken_and_silence_follows_the_voice() -> None:
    call, result = played([(0.0, started())])
    frames = call.of("audio")
    assert [when for when, _ in frames[:3]] == [0.02, 0.04, 0.06]
    assert b"".join(audio for _, audio in frames[:50]) == ONE_SECOND.tobytes()  # type: ignore[misc]
    assert len(frames) == 100  # one second of voice, one of quiet
    assert not any(any(audio) for _, audio in frames[50:])  # type: ignore[arg-type]
    assert call.sent[-1][1] == "hang_up"
    assert [timed.event.WhichOneof("event") for timed in result.events] == ["call_started", "goodbye"]
    assert (result.session_id, result.error, result.lateness_seconds) == ("s1", None, 0.0)
    assert spans(result.customer) == [(0.0, 1.0)]


def test_answers_are_heard_from_when_they_come_one_after_another_and_reported() -> None:
    script = [(0.5, answer(0.0, ONE_SECOND)), (0.6, answer(1.0, ONE_SECOND)), (4.0, answer(2.0, ONE_SECOND))]
    call, result = played(script, end=CallEnd(quiet_seconds=2.0))
    assert spans(result.frontdesk) == [(0.5, 2.5), (4.0, 5.0)]
    assert len(result.customer) == len(result.frontdesk)
    reports = call.of("playback")
    assert reports[0] == (0.52, ("t1", 0.02))
    assert reports[1] == (0.62, ("t1", 0.12))
    assert [what for _, what in reports][-1] == ("t1", 3.0)
    waiting = [what for when, what in reports if 2.52 <= when < 4.0]
    assert waiting == [("t1", 2.0)]  # what has not changed is not said again


def test_a_stop_drops_what_was_not_played() -> None:
    call, result = played([(0.5, answer(0.0, ONE_SECOND)), (0.6, answer(1.0, ONE_SECOND)), (0.9, stop(0.4))])
    assert spans(result.frontdesk) == [(0.5, 0.9)]
    assert call.of("playback")[-1][1] == ("t1", 0.4)


def test_the_customer_waits_for_a_turn_that_is_open() -> None:
    call, _ = played([(0.9, turn_started()), (7.0, completed())])
    [(hung_up, _)] = call.of("hang_up")
    assert hung_up == pytest.approx(8.0, abs=0.03)


def test_but_not_for_ever() -> None:
    call, _ = played([(0.9, turn_started())], end=CallEnd(quiet_seconds=1.0, limit_seconds=5.0))
    [(hung_up, _)] = call.of("hang_up")
    assert hung_up == pytest.approx(6.0, abs=0.03)


def test_speech_that_was_heard_is_given_time() -> None:
    call, _ = played([(0.9, event(speech_started=conversation_pb2.SpeechStarted()))])
    [(hung_up, _)] = call.of("hang_up")
    assert hung_up == pytest.approx(4.0, abs=0.03)


def test_a_turn_that_was_given_up_is_not_waited_for() -> None:
    failed = conversation_pb2.Notice(stage=conversation_pb2.STAGE_DIALOGUE)
    silent = conversation_pb2.Notice(stage=conversation_pb2.STAGE_TTS)
    call, _ = played([(0.9, turn_started()), (1.0, event(notice=silent)), (5.0, event(notice=failed))])
    [(hung_up, _)] = call.of("hang_up")
    assert hung_up == pytest.approx(6.0, abs=0.03)


def test_it_types_shows_and_presses_at_its_time() -> None:
    actions = [Action(3.0, Keys("12#")), Action(0.5, TypedText("hello")), Action(1.5, ShownImage(b"PNG"))]
    call, _ = played([], actions=actions)
    assert call.of("text") == [(0.5, "hello")]
    assert call.of("image") == [(1.5, b"PNG")]
    assert call.of("dtmf") == [(3.0, "12#")]
    assert call.sent[-1][:2] == (4.0, "hang_up")


def test_the_answers_echo_is_in_the_customers_channel() -> None:
    loud = np.full(8000, 10_000, np.int16)
    silence = np.zeros(24_000, np.int16)
    call, result = played([(0.5, answer(0.0, loud))], silence, echo=Echo(gain_db=-20.0, delay_seconds=0.2))
    assert spans(result.customer) == [(0.7, 1.7)]
    assert np.abs(result.customer).max() == pytest.approx(1000, abs=1)
    sent = np.frombuffer(b"".join(audio for _, audio in call.of("audio")), "<i2")  # type: ignore[misc]
    assert spans(sent.astype(np.int16)) == [(0.7, 1.7)]


def test_a_call_that_fails_is_kept_so_far() -> None:
    failure = FrontdeskApiError(grpc.StatusCode.RESOURCE_EXHAUSTED, "CALLS_AT_CAPACITY", "too many")
    call, result = played([(0.3, started())], failure=failure)
    assert result.error is failure
    assert len(result.customer) == 0.3 * 8000
    assert not call.of("hang_up")


def test_a_goodbye_of_the_server_ends_it() -> None:
    async def hold() -> PlayedCall:
        call = ScriptedCall([(0.5, answer(0.0, ONE_SECOND))])
        asyncio.get_running_loop().call_later(0.8, call._hung_up.set)
        return await play_call(call, Recording(ONE_SECOND), TELEPHONE)

    result = run_virtually(hold())
    assert result.events[-1].event.WhichOneof("event") == "goodbye"
    assert spans(result.frontdesk) == [(0.5, 0.8)]


def test_each_event_is_seen_as_it_comes() -> None:
    seen: list[float] = []
    played([(0.25, started()), (0.75, completed())], on_event=lambda timed: seen.append(timed.seconds))
    assert seen[:2] == [0.25, 0.75]


class Asks:
    """Speaks for a fifth of a second whenever an answer has been over for a second, twice."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        if not self.asked or (start / 8000 > playback.ends + 1.0 and start - self.asked[-1] > 8000):
            self.asked.append(start)
        if len(self.asked) > 2:
            return None
        return np.full(count, 500 if start - self.asked[-1] < 1600 else 0, np.int16)


def test_a_voice_can_go_by_what_is_played() -> None:
    async def hold() -> PlayedCall:
        call = ScriptedCall([(0.5, answer(0.0, ONE_SECOND)), (3.0, answer(0.0, ONE_SECOND, "t2"))])
        return await play_call(call, Asks(), TELEPHONE, end=QUIET)

    work: Coroutine[Any, Any, PlayedCall] = hold()
    assert spans(run_virtually(work).customer) == [(0.0, 0.2), (2.52, 2.72)]
