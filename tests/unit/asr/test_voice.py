"""Frame by frame, voice is what ``find_speech`` finds in the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.speech import Span, SpeechRules, find_speech
from services.asr.voice import Voice

RULES = SpeechRules(silence=0.3, least=0.2, peak=0.8)
FRAME = 0.1


def hear(text: str) -> Voice:
    """One digit a frame: tenths of a probability."""
    voice = Voice(FRAME, RULES)
    for digit in text:
        voice.hear(int(digit) / 10)
    return voice


@given(st.lists(st.sampled_from([0.0, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0]), max_size=60))
def test_the_runs_are_the_spans_of_the_whole(probabilities: list[float]) -> None:
    voice = Voice(FRAME, RULES)
    runs: list[Span] = []
    for probability in probabilities:
        before = voice.run if voice.confirmed else None
        voice.hear(probability)
        if before is not None and voice.run is None:
            runs.append(before)
    if voice.run is not None and voice.confirmed:
        runs.append(voice.run)
    assert tuple(runs) == find_speech(np.array(probabilities, np.float32), FRAME, RULES)


def test_nothing_has_been_said_yet() -> None:
    voice = Voice(FRAME, RULES)
    assert (voice.now, voice.run, voice.confirmed, voice.speaking, voice.silence) == (
        0,
        None,
        False,
        False,
        0,
    )


def test_silence_counts_from_the_last_voice() -> None:
    assert hear("099900").silence == pytest.approx(0.2)
    assert hear("09990000000").silence == pytest.approx(0.7)
    assert hear("0999004").silence == 0.0


def test_voice_counts_without_pauses() -> None:
    assert hear("09900990").voiced == pytest.approx(0.4)
    assert hear("0990000000").voiced == pytest.approx(0.2)  # of the run that is over
    assert hear("0990000009").voiced == pytest.approx(0.1)  # of the next one


def test_a_run_is_speech_once_it_is_long_and_sure_enough() -> None:
    assert [hear("0999"[: n + 1]).confirmed for n in range(4)] == [False, False, True, True]
    assert not hear("066666").confirmed


def test_a_run_that_is_ended_is_followed_by_another() -> None:
    voice = hear("0999")
    voice.end_run()
    assert voice.run is None
    voice.hear(0.9)
    assert voice.run is not None
    assert voice.run.begin == pytest.approx(0.4)
    assert not voice.confirmed
