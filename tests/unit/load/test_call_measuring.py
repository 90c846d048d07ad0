"""What is read off a stereo recording, on recordings made up so that the truth is known."""

import numpy as np
import pytest

from tests.load.call.measuring import Samples, first_audio, interruption, is_cut_off, speech_end, voiced

RATE = 16_000


def sound(*parts: tuple[float, float], noise: float = 0.0) -> Samples:
    """Parts of (seconds, amplitude) one after the other, as a voice-like tone, with noise over all of it."""
    pieces = []
    for seconds, amplitude in parts:
        time = np.arange(int(seconds * RATE)) / RATE
        pieces.append(amplitude * np.sin(2 * np.pi * 180 * time))
    whole = np.concatenate(pieces)
    return np.asarray(whole + noise * np.random.default_rng(1).standard_normal(len(whole)), np.float32)


def test_first_audio_is_from_the_last_voiced_sample_to_the_first_one_of_the_answer() -> None:
    customer = sound((0.5, 0), (1.0, 0.3), (2.0, 0))
    answer = sound((1.9, 0), (0.02, 0.001), (1.0, 0.2), (0.58, 0))
    assert speech_end(customer, RATE) == pytest.approx(1.5, abs=0.011)
    assert first_audio(customer, answer, RATE) == pytest.approx(0.42, abs=0.011)


@pytest.mark.parametrize("noise", [0.0005, 0.003])
def test_noise_on_the_line_moves_the_end_of_speech_by_no_more_than_two_frames(noise: float) -> None:
    customer = sound((0.5, 0), (1.0, 0.3), (2.0, 0), noise=noise)
    assert speech_end(customer, RATE) == pytest.approx(1.5, abs=0.021)


def test_a_click_and_a_breath_behind_the_words_are_no_speech() -> None:
    customer = sound((0.2, 0), (1.0, 0.3), (0.3, 0), (0.01, 0.4), (0.2, 0.004), (0.5, 0))
    assert speech_end(customer, RATE) == pytest.approx(1.2, abs=0.011)


def test_an_answer_is_not_found_in_silence_or_before_the_end_of_the_customers_speech() -> None:
    customer = sound((0.5, 0), (1.0, 0.3), (1.0, 0))
    assert first_audio(customer, sound((2.5, 0)), RATE) is None
    assert first_audio(customer, sound((1.0, 0), (1.5, 0.2)), RATE) is None
    with pytest.raises(ValueError, match="no speech"):
        first_audio(sound((1.0, 0)), customer, RATE)


def test_an_answer_that_is_taken_up_again_behind_a_cut_off_is_measured_there() -> None:
    customer = sound((0.1, 0), (0.9, 0.3), (0.6, 0), (0.4, 0.3), (1.0, 0))
    answer = sound((1.5, 0), (0.3, 0.2), (0.6, 0), (0.6, 0.2))
    assert first_audio(customer, answer, RATE) == pytest.approx(0.4, abs=0.011)
    assert is_cut_off([1.45, 2.3], customer, RATE)
    assert not is_cut_off([2.3], customer, RATE)


def test_stretches_are_parted_by_pauses_and_all_of_a_channel_may_be_speech() -> None:
    parted = voiced(sound((0.3, 0.2), (0.4, 0), (0.3, 0.2)), RATE)
    assert [(round(s.start, 2), round(s.end, 2)) for s in parted] == [(0.0, 0.3), (0.7, 1.0)]
    assert len(voiced(sound((1.0, 0.2)), RATE)) == 1
    assert voiced(sound((1.0, 0.0004)), RATE) == []
    assert voiced(np.zeros(0, np.float32), RATE) == []


def test_an_interruption_is_timed_to_the_first_stop_behind_it() -> None:
    assert interruption(2.0, [1.0, 2.18, 4.0]) == pytest.approx(0.18)
    assert interruption(2.0, [1.0]) is None
