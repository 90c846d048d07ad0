"""Calibration, against what can be worked out by hand."""

import numpy as np
import pytest
from scipy.special import softmax

from training.evaluate.calibration import (
    brier,
    calibration_error,
    fit_temperature,
    logits_of,
    reliability,
    sharpened,
)


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    # Two in [0.6, 0.8) at 0.7, one right: a gap of 0.2. Two in [0.8, 1] at 0.9, both right: 0.1.
    confidence = np.array([0.7, 0.7, 0.9, 0.9])
    right = np.array([True, False, True, True])
    assert calibration_error(confidence, right, bins=5) == pytest.approx(0.15)


def test_a_prediction_counts_by_its_mass() -> None:
    confidence, right = np.array([0.7, 0.9]), np.array([True, True])
    assert calibration_error(confidence, right, 5, np.array([3.0, 1.0])) == pytest.approx(
        0.75 * 0.3 + 0.25 * 0.1
    )


def test_the_curve_leaves_empty_bins_out_and_takes_certainty_into_the_last() -> None:
    curve = reliability(np.array([0.1, 1.0, 0.95]), np.array([False, True, False]), bins=10)
    assert [(each.low, each.high) for each in curve] == [(0.1, 0.2), (0.9, 1.0)]
    assert [each.right for each in curve] == [0.0, 0.5]
    assert [each.mass for each in curve] == pytest.approx([1 / 3, 2 / 3])


def test_brier_sums_over_the_classes() -> None:
    # (0.3² + 0.2² + 0.1²) + (0.6² + 0.6²), by two
    probabilities = np.array([[0.7, 0.2, 0.1], [0.6, 0.4, 0.0]], np.float32)
    assert brier(probabilities, np.array([0, 1])) == pytest.approx((0.14 + 0.72) / 2)


def test_brier_knows_classes_that_never_come() -> None:
    assert brier(np.array([[0.5, 0.0, 0.5]]), np.array([0])) == pytest.approx(0.5)


def test_the_temperature_of_logits_that_are_too_sure_is_found_again() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0.0, 2.0, (4000, 5))
    targets = np.array([rng.choice(5, p=row) for row in softmax(honest, axis=1)])
    assert fit_temperature(3.0 * honest, targets) == pytest.approx(3.0, rel=0.1)


def test_probabilities_are_sharpened_as_their_logits_would_be() -> None:
    logits = np.array([[1.0, 2.0, 0.5]])
    probabilities = softmax(logits, axis=1)
    np.testing.assert_allclose(sharpened(probabilities, 2.0), softmax(logits / 2.0, axis=1))
    np.testing.assert_allclose(sharpened(probabilities, 1.0), probabilities)


def test_a_probability_of_nothing_has_a_logarithm() -> None:
    assert np.isfinite(logits_of(np.array([[1.0, 0.0]], np.float32))).all()
