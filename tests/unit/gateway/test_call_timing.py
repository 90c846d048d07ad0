"""What is read off a call that was played, and drawn of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from frontdesk.gateway.v1 import conversation_pb2
from PIL import Image

from gateway.cli.call_coding import Samples
from gateway.cli.call_player import PlayedCall, TimedEvent
from gateway.cli.call_recording import save_recording
from gateway.cli.call_timeline import draw_timeline
from gateway.cli.call_timing import turn_timings
from tests.fakes.live_call import Event, seconds

RATE = 8000
CUSTOMER_BLUE, FRONTDESK_GREEN, STOP_RED = (0x35, 0x67, 0xB0), (0x0F, 0x9D, 0x94), (0xD9, 0x60, 0x3B)


def sounding(length: float, *spans: tuple[float, float], level: int = 8000, noise: int = 20) -> Samples:
    channel = np.random.default_rng(0).integers(-noise, noise + 1, round(length * RATE)).astype(np.int16)
    for start, end in spans:
        channel[round(start * RATE) : round(end * RATE)] = level
    return channel


def at(when: float, turn_id: str = "t1", **fields: Any) -> TimedEvent:
    return TimedEvent(when, Event(session_id="s1", turn_id=turn_id, **fields))


def turn(turn_id: str, ended: float, audio: float, completed: float, said: str = "") -> list[TimedEvent]:
    timing = conversation_pb2.StageTiming(
        stage=conversation_pb2.STAGE_DIALOGUE, start_offset=seconds(0.02), duration=seconds(0.05)
    )
    return [
        at(ended, turn_id, end_of_turn=conversation_pb2.EndOfTurn(anticipated=turn_id == "t1")),
        at(ended, turn_id, turn_started=conversation_pb2.TurnStarted()),
        at(ended, turn_id, final_transcript=conversation_pb2.Transcript(text=said)),
        at(audio, turn_id, answer_audio=conversation_pb2.CallAudio()),
        at(
            completed,
            turn_id,
            turn_completed=conversation_pb2.TurnCompleted(answer="A router.", timings=[timing]),
        ),
    ]


def call(events: list[TimedEvent], customer: Samples, frontdesk: Samples) -> PlayedCall:
    return PlayedCall(RATE, customer, frontdesk, tuple(events), 0.0, None)


@pytest.fixture
def two_turns() -> PlayedCall:
    return call(
        [
            *turn("t1", 1.3, 1.4, 4.0, "what is this"),
            at(4.2, "t2", speech_started=conversation_pb2.SpeechStarted()),
            *turn("t2", 5.5, 5.6, 7.0, "and that"),
        ],
        sounding(8.0, (0.2, 0.5), (0.6, 1.0), (4.1, 5.1)),
        sounding(8.0, (1.45, 3.0), (5.8, 6.5)),
    )


def test_first_audio_goes_from_the_last_voiced_sample_to_the_answers_first(two_turns: PlayedCall) -> None:
    first, second = turn_timings(two_turns)
    assert first.spoken_until == pytest.approx(1.0, abs=0.011)
    assert first.audible_from == pytest.approx(1.45, abs=0.011)
    assert first.first_audio_seconds == pytest.approx(0.45, abs=0.02)
    assert second.first_audio_seconds == pytest.approx(0.7, abs=0.02)
    assert (first.said, first.answered, first.anticipated) == ("what is this", "A router.", True)
    assert (second.turn_id, second.anticipated, second.completed) == ("t2", False, 7.0)
    [span] = first.stages
    assert span.stage == "DIALOGUE"
    assert span.start == pytest.approx(1.32)
    assert span.end == pytest.approx(1.37)


def test_stages_of_an_answer_begun_early_stand_where_they_ran() -> None:
    stages = [(conversation_pb2.STAGE_DIALOGUE, 0.0, 0.2), (conversation_pb2.STAGE_STORE, 0.3, 0.1)]
    timings = [
        conversation_pb2.StageTiming(stage=stage, start_offset=seconds(start), duration=seconds(length))
        for stage, start, length in stages
    ]
    completed = at(4.0, turn_completed=conversation_pb2.TurnCompleted(timings=timings))
    [begun_early] = turn_timings(call([*turn("t1", 2.0, 2.1, 3.0), completed], sounding(4.0), sounding(4.0)))
    assert [(span.stage, round(span.start, 6), round(span.end, 6)) for span in begun_early.stages] == [
        ("DIALOGUE", 1.6, 1.8),
        ("STORE", 1.9, 2.0),
    ]


def test_a_sound_that_became_no_turn_is_none() -> None:
    events = [at(0.5, "t1", speech_started=conversation_pb2.SpeechStarted())]
    assert turn_timings(call(events, sounding(1.0, (0.2, 0.4)), sounding(1.0))) == []


def test_a_typed_turn_has_no_first_audio() -> None:
    [typed] = turn_timings(call(turn("t1", 0.5, 0.6, 2.0), sounding(2.0, noise=0), sounding(2.0, (0.7, 1.5))))
    assert (typed.spoken_until, typed.first_audio_seconds) == (None, None)


def test_silence_under_an_answer_that_never_came_is_no_audio() -> None:
    [silent] = turn_timings(
        call(turn("t1", 1.3, 1.4, 2.0), sounding(2.0, (0.2, 1.0)), sounding(2.0, noise=0))
    )
    assert (silent.audible_from, silent.first_audio_seconds) == (None, None)


def test_the_recording_has_the_customer_left_and_frontdesk_right(
    two_turns: PlayedCall, tmp_path: Path
) -> None:
    path = tmp_path / "calls" / "call.wav"
    assert save_recording(two_turns, path) == 8.0
    both, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    assert np.array_equal(both[:, 0], two_turns.customer)
    assert np.array_equal(both[:, 1], two_turns.frontdesk)


def drawn(played: PlayedCall, out: Path) -> Any:
    draw_timeline(played, turn_timings(played), "question.wav", out)
    return np.asarray(Image.open(out).convert("RGB"))


def has(picture: Any, colour: tuple[int, int, int]) -> Any:
    """The columns that have a colour."""
    return np.flatnonzero((picture == colour).all(axis=2).any(axis=0))


def test_the_timeline_shows_who_spoke_when(two_turns: PlayedCall, tmp_path: Path) -> None:
    picture = drawn(two_turns, tmp_path / "call.png")
    customer, frontdesk = has(picture, CUSTOMER_BLUE), has(picture, FRONTDESK_GREEN)
    names = picture.shape[1] // 10  # left of the axes stand the channels' names, in their colours
    assert customer[customer > names][0] < frontdesk[frontdesk > names][0]
    assert frontdesk[-1] > customer[-1]
    assert not len(has(picture, STOP_RED))


def test_an_interrupted_answer_is_marked(two_turns: PlayedCall, tmp_path: Path) -> None:
    stop = at(3.0, "t1", playback_stop=conversation_pb2.PlaybackStop())
    interrupted = call([*two_turns.events, stop], two_turns.customer, two_turns.frontdesk)
    assert turn_timings(interrupted)[0].stopped == 3.0
    assert len(has(drawn(interrupted, tmp_path / "call.png"), STOP_RED))


def test_mandarin_and_an_empty_call_are_drawn_without_complaint(tmp_path: Path) -> None:
    mandarin = call(
        turn("t1", 1.3, 1.4, 2.0, "我的订单在哪里?"), sounding(2.0, (0.2, 1.0)), sounding(2.0, (1.45, 1.9))
    )
    drawn(mandarin, tmp_path / "mandarin.png")
    nothing = np.zeros(0, np.int16)
    drawn(call([], nothing, nothing), tmp_path / "empty.png")
