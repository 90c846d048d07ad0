"""The last seconds are there, the rest is forgotten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.model import SAMPLE_RATE
from services.asr.recent_audio import RecentAudio


@given(st.lists(st.integers(0, 8_000), max_size=30))
def test_what_is_kept_is_what_came_last(sizes: list[int]) -> None:
    recent, whole = RecentAudio(0.5), np.zeros(0, np.float32)
    for size in sizes:
        samples = np.arange(len(whole), len(whole) + size, dtype=np.float32)
        recent.append(samples)
        whole = np.concatenate([whole, samples])
    end = len(whole) / SAMPLE_RATE
    begin, kept = recent.between(max(0.0, end - 0.5), end + 9)
    assert begin == pytest.approx(max(0.0, end - 0.5))
    np.testing.assert_array_equal(kept, whole[-8_000:])


def test_what_is_forgotten_begins_later() -> None:
    recent = RecentAudio(1.0)
    for _ in range(100):
        recent.append(np.ones(1_600, np.float32))
    begin, kept = recent.between(0.0, 10.0)
    assert 8.0 <= begin <= 9.0
    assert len(kept) == round((10.0 - begin) * SAMPLE_RATE)
    assert len(recent.between(0.0, 5.0)[1]) == 0


def test_what_was_given_out_does_not_change() -> None:
    recent = RecentAudio(1.0)
    recent.append(np.ones(16_000, np.float32))
    _, kept = recent.between(0.0, 1.0)
    for _ in range(3):
        recent.append(np.zeros(16_000, np.float32))
    assert kept.min() == 1.0
