"""The labelled turns are what their labels say, and a replay decides as a call would."""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gateway.turn.hearing import (
    CustomerAudio,
    FinalHeard,
    Heard,
    HearingInput,
    PartialHeard,
    StreamFormat,
    UtteranceStarted,
    VoiceEvidence,
)
from gateway.turn.turn_taking import TurnTaking
from gateway.turn.types import Transcript
from services.serving.errors import Unavailable
from tests.harness.virtual_time import VirtualClock, run_virtually
from tests.load.turn_taking.curve import cutoff_at_p50, draw, p50_at_cutoff, scaled
from tests.load.turn_taking.evidence import HeardTurn, TimedHeard, load, record, record_all, save
from tests.load.turn_taking.punctual import Speed, punctual
from tests.load.turn_taking.recordings import (
    RATE,
    TAIL_SECONDS,
    Kind,
    Samples,
    Turn,
    background,
    labelled_turns,
    voiced_frames,
)
from tests.load.turn_taking.replay import (
    by_all,
    by_silence,
    figures,
    outcomes,
    without_sound,
    without_words,
)
from tests.load.turn_taking.tuning import search

AN4 = Path(os.environ.get("FRONTDESK_DATA", "../shared/data")) / "an4_speech"


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def tone(duration: float, amplitude: float, seed: int = 3) -> Samples:
    count = round(duration * RATE)
    noise = np.random.default_rng(seed).normal(0, 0.001, count)
    samples: Samples = (amplitude * np.sin(np.arange(count) * 0.3) + noise).astype(np.float32)
    return samples


def test_voice_is_found_and_clicks_are_not() -> None:
    samples = np.concatenate([tone(0.5, 0), tone(0.02, 0.5), tone(0.28, 0), tone(0.7, 0.5), tone(0.5, 0)])
    loud = np.flatnonzero(voiced_frames(samples))
    assert loud[0] * 0.01 == pytest.approx(0.8, abs=0.011)
    assert loud[-1] * 0.01 == pytest.approx(1.5, abs=0.021)


def test_background_sounds_like_the_quiet_of_the_clip() -> None:
    samples = np.concatenate([tone(0.5, 0), tone(0.7, 0.5), tone(0.5, 0)])
    made = background(samples, voiced_frames(samples), 3 * RATE, np.random.default_rng(1))
    assert len(made) == 3 * RATE
    parts = made.reshape(10, -1).astype(float)
    levels = np.sqrt(np.square(parts).mean(axis=1))
    assert levels == pytest.approx(np.full(10, 0.001), rel=0.25)


@pytest.mark.skipif(not AN4.is_dir(), reason="FRONTDESK_DATA has no an4_speech")
def test_the_labels_of_the_set_hold() -> None:
    turns = labelled_turns(AN4, seed=7)
    assert {turn.kind for turn in turns} == set(Kind)
    again = labelled_turns(AN4, seed=7)
    for turn, same in zip(turns, again, strict=True):
        assert np.array_equal(turn.samples, same.samples)
        loud = np.flatnonzero(voiced_frames(turn.samples)) * 0.01
        assert loud[-1] == pytest.approx(turn.end, abs=0.2)  # the level of the other clip may hide a little
        assert len(turn.samples) / RATE == pytest.approx(turn.end + TAIL_SECONDS, abs=0.01)
        if turn.kind is not Kind.SINGLE:
            assert 0.05 <= turn.pause <= 1.5
            assert np.diff(loud).max() >= turn.pause - 0.05


class _Recognizer:
    """Says that somebody spoke, by what it was sent: evidence for each 0.1 s."""

    async def listen(
        self,
        audio: AsyncIterator[HearingInput],
        stream_format: StreamFormat,
        *,
        include_acoustic_features: bool = False,
    ) -> AsyncGenerator[Heard]:
        sent = 0
        async for piece in audio:
            assert isinstance(piece, CustomerAudio)
            sent += len(piece.audio) // 2
            if sent % (stream_format.sample_rate_hertz // 10) == 0:
                yield VoiceEvidence(seconds(sent / RATE), True, seconds(sent / RATE), seconds(0))
        yield FinalHeard(Transcript("", "en", 0.0), seconds(0), seconds(1))


def test_recording_goes_at_the_pace_of_speech_and_is_kept(tmp_path: Path) -> None:
    turn = Turn("a", Kind.SINGLE, "s", tone(1.0, 0.5), 0.9)
    heard = run_virtually(record(_Recognizer(), VirtualClock(), turn))
    assert [timed.at for timed in heard.evidence] == pytest.approx([n / 10 for n in range(1, 11)], abs=0.001)
    slowly = run_virtually(record(_Recognizer(), VirtualClock(), turn, stretch=3.0))
    assert [timed.at for timed in slowly.evidence] == pytest.approx([timed.at for timed in heard.evidence])
    save([heard, spoken()], tmp_path / "evidence.jsonl")
    assert load(tmp_path / "evidence.jsonl") == [heard, spoken()]


class _Busy(_Recognizer):
    """Fails the first time."""

    def __init__(self) -> None:
        self.streams = 0

    def listen(
        self,
        audio: AsyncIterator[HearingInput],
        stream_format: StreamFormat,
        *,
        include_acoustic_features: bool = False,
    ) -> AsyncGenerator[Heard]:
        self.streams += 1
        if self.streams == 1:
            raise Unavailable("INFERENCE_UNAVAILABLE", "too busy")
        return super().listen(audio, stream_format)


def test_a_turn_that_could_not_be_heard_is_spoken_again() -> None:
    turn = Turn("a", Kind.SINGLE, "s", tone(1.0, 0.5), 0.9)
    (heard,) = run_virtually(record_all(_Busy(), VirtualClock(), [turn], at_once=2))
    assert len(heard.evidence) == 10


def spoken(
    *, pause: float = 0.4, text: str = "Can I return shoes?", probability: float | None = 0.9
) -> HeardTurn:
    """Speaks to 1 s, pauses, speaks 1 s more; words and probability come 0.2 s into each silence."""
    end = 2.0 + pause
    evidence: list[TimedHeard] = [TimedHeard(0.2, UtteranceStarted(seconds(0)))]
    for step in range(1, round((end + 3) * 20)):
        at = step / 20
        last = at if at <= 1 or 1 + pause < at <= end else (1.0 if at <= 1 + pause else end)
        silence, final = at - last, last == end
        known = (probability if final else 0.02) if silence >= 0.2 else None
        heard = VoiceEvidence(seconds(at), silence == 0, seconds(1), seconds(silence), known)
        evidence.append(TimedHeard(at, heard))
        if 0.2 <= round(silence, 3) < 0.25:
            words = text if final else "Can I"
            evidence.append(TimedHeard(at, PartialHeard(words, len(words.split()), 0, seconds(at), True)))
    return HeardTurn("spoken", Kind.PARTED, "s", end, pause, tuple(evidence))


def test_a_replay_decides_in_the_pause_or_at_the_end() -> None:
    turn = spoken()
    assert by_silence(0.3)(turn) == pytest.approx(1.3, abs=0.01)
    assert by_silence(0.6)(turn) == pytest.approx(turn.end + 0.6, abs=0.01)
    assert by_all(TurnTaking(complete_silence=seconds(0.3)))(turn) == pytest.approx(turn.end + 0.3, abs=0.01)
    early, late = outcomes([turn, spoken(pause=0.2)], by_silence(0.3))
    assert early.cut_off
    assert late.delay == pytest.approx(0.3, abs=0.01)
    assert figures([early, late]) == {
        "turns": 2, "cutoff_rate": 50.0, "p50_ms": 300.0, "p95_ms": 300.0, "undecided": 0,
    }  # fmt: skip


def test_a_part_of_the_evidence_can_be_left_out() -> None:
    sure = by_all(TurnTaking())
    unfinished = spoken(text="I bought the shoes and", probability=0.7)
    assert (sure(without_words(unfinished)) or 0) < (sure(unfinished) or 0)
    finished = spoken()
    assert (sure(without_sound(finished)) or 0) > (sure(finished) or 0)
    assert all(
        timed.heard.end_of_turn_probability is None
        for timed in without_sound(finished).evidence
        if isinstance(timed.heard, VoiceEvidence)
    )


def test_what_a_curve_says() -> None:
    points = [
        {"cutoff_rate": 20.0, "p50_ms": 200.0},
        {"cutoff_rate": 4.0, "p50_ms": 440.0},
        {"cutoff_rate": 1.0, "p50_ms": 900.0},
    ]
    assert p50_at_cutoff(points, 5.0) == 440.0
    assert p50_at_cutoff(points, 0.5) is None
    assert cutoff_at_p50(points, 450.0) == 4.0
    assert cutoff_at_p50(points, 100.0) is None


def test_scaled_settings_stay_allowed(tmp_path: Path) -> None:
    assert scaled(TurnTaking(), 0.01).complete_silence == seconds(0.1)
    assert scaled(TurnTaking(), 2.0).spelling_silence == TurnTaking().spelling_silence * 2
    draw({"all": {"ours": [{"cutoff_rate": 1.0, "p50_ms": 300.0}]}}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_search_finds_what_is_no_worse_than_the_defaults() -> None:
    turns = [spoken(pause=0.25), spoken(pause=0.45, probability=0.3), spoken(pause=1.0)]
    assert search(turns, trials=20, seed=1).cost <= search(turns, trials=0, seed=1).cost


def test_punctual_evidence_comes_when_it_is_due() -> None:
    late = tuple(TimedHeard(timed.at + 0.7, timed.heard) for timed in spoken().evidence)
    turn = punctual(replace(spoken(), evidence=late), Speed(voice=0.0, words=0.2, sound=0.1))
    assert [timed.at for timed in turn.evidence] == sorted(timed.at for timed in turn.evidence)
    words = [timed for timed in turn.evidence if isinstance(timed.heard, PartialHeard)]
    assert [timed.at for timed in words] == pytest.approx([1.4, turn.end + 0.4])
    known = [
        (timed.at, timed.heard.end_of_turn_probability)
        for timed in turn.evidence
        if isinstance(timed.heard, VoiceEvidence) and timed.heard.end_of_turn_probability is not None
    ]
    assert known[0][0] == pytest.approx(1.196)
    assert known[0][1] == 0.02
    assert next(at for at, probability in known if probability == 0.9) == pytest.approx(turn.end + 0.196)
