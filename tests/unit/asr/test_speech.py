"""Where speech begins and ends, and how it is cut."""

import numpy as np
from numpy.typing import NDArray

from services.asr.speech import Span, SpeechRules, around, find_speech, pieces

RULES = SpeechRules(silence=0.3, least=0.2, peak=0.8, margin=0.25, join=2.0, longest=20.0)
FRAME = 0.1


def probabilities(text: str) -> NDArray[np.float32]:
    """One digit a frame: tenths of a probability."""
    return np.array([int(digit) / 10 for digit in text], np.float32)


def found(text: str) -> list[tuple[float, float]]:
    return [(round(s.begin, 3), round(s.end, 3)) for s in find_speech(probabilities(text), FRAME, RULES)]


def test_silence_has_no_speech() -> None:
    assert found("") == []
    assert found("0000000") == []


def test_speech_is_found_and_short_dips_bridged() -> None:
    assert found("0099900990000000") == [(0.2, 0.9)]
    assert found("0099900000990000") == [(0.2, 0.5), (1.0, 1.2)]


def test_speech_to_the_very_end_counts() -> None:
    assert found("000999") == [(0.3, 0.6)]


def test_a_span_lasts_while_the_probability_is_above_the_release() -> None:
    assert found("0994444400000") == [(0.1, 0.8)]


def test_short_bursts_and_weak_ones_are_no_speech() -> None:
    assert found("000900000000") == []
    assert found("000666666000") == []


def test_near_spans_go_together_and_far_ones_apart() -> None:
    spans = [Span(1, 2), Span(3, 4), Span(8, 9)]
    assert pieces(spans, RULES) == ((spans[0], spans[1]), (spans[2],))


def test_pieces_stay_within_the_longest() -> None:
    spans = [Span(0, 9), Span(10, 19), Span(20, 29)]
    assert pieces(spans, RULES) == ((spans[0], spans[1]), (spans[2],))


def test_the_margin_stays_inside_of_the_audio() -> None:
    assert around((Span(0.1, 2.0), Span(2.5, 2.9)), 3.0, RULES) == Span(0.0, 3.0)
