"""How far probabilities can be believed, and the one number that mends them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import brier_score_loss

Floats = NDArray[np.floating[Any]]

BINS: Final = 15
_LEAST: Final = 1e-12
"""Probabilities below this count as this, so that they have a logarithm."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions whose confidence lies in ``[low, high)``: their mean confidence and the share right.

    ``mass`` is their share of all predictions, from 0 to 1.
    """

    low: float
    high: float
    confidence: float
    right: float
    mass: float


def reliability(
    confidence: Floats,
    right: NDArray[np.bool_],
    bins: int = BINS,
    mass: Floats | None = None,
) -> list[Bin]:
    """Sort predictions into bins of equal width; bins without any are left out.

    Args:
        confidence: float[n] from 0 to 1, of what was predicted.
        right: bool[n], whether it was right.
        bins: Number of bins.
        mass: float[n], how much each counts; all the same where left out.
    """
    weights = np.ones(len(confidence)) if mass is None else np.asarray(mass, np.float64)
    total = weights.sum()
    places = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    found = []
    for place in np.unique(places):
        own = places == place
        share = weights[own].sum()
        if share > 0:
            found.append(
                Bin(
                    low=float(place / bins),
                    high=float((place + 1) / bins),
                    confidence=float((confidence[own] * weights[own]).sum() / share),
                    right=float((right[own] * weights[own]).sum() / share),
                    mass=float(share / total),
                )
            )
    return found


def calibration_error(
    confidence: Floats,
    right: NDArray[np.bool_],
    bins: int = BINS,
    mass: Floats | None = None,
) -> float:
    """Expected calibration error, from 0 to 1: how far confidence is from the share right, on average.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2. The
    arguments are those of ``reliability``.
    """
    curve = reliability(confidence, right, bins, mass)
    return float(sum(each.mass * abs(each.confidence - each.right) for each in curve))


def brier(probabilities: Floats, targets: NDArray[np.int64]) -> float:
    """Mean squared distance of the probabilities from the truth, from 0 (best) to 2.

    Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950: summed
    over all classes. ``probabilities`` is float[n, labels] with rows that sum to 1.
    """
    # Sums within the library's tolerance, whatever precision the model had.
    rows = np.asarray(probabilities, np.float64)
    rows = rows / rows.sum(axis=1, keepdims=True)
    labels = range(rows.shape[1])
    return float(brier_score_loss(targets, rows, labels=labels, scale_by_half=False))


def fit_temperature(logits: Floats, targets: NDArray[np.int64]) -> float:
    """Find the temperature of the least log loss: ``softmax(logits / temperature)``.

    Guo et al., ICML 2017, section 4.2: one number, fitted on what training did not see.
    ``logits`` is float[n, labels].
    """

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(targets)), targets].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def logits_of(probabilities: Floats) -> NDArray[np.float64]:
    """Give logits whose softmax the probabilities are: temperatures work on them as on the model's own."""
    logits: NDArray[np.float64] = np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST))
    return logits


def sharpened(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """Give the probabilities as a temperature makes them, float64[n, labels]; 1 leaves them as they are."""
    return np.asarray(softmax(logits_of(probabilities) / temperature, axis=1))


def told(curve: Sequence[Bin]) -> list[dict[str, float]]:
    """Give a curve for JSON."""
    return [
        {
            "from": round(each.low, 4),
            "to": round(each.high, 4),
            "confidence": round(each.confidence, 4),
            "right": round(each.right, 4),
            "share": round(each.mass, 4),
        }
        for each in curve
    ]
