"""Tells what belongs to no intent, with one threshold that validation chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.evaluate.out_of_scope import IN_SCOPE_COST

FEATURES: Final = ("largest", "energy", "margin", "outside", "entropy")
"""What is read off the logits: the largest in-scope log probability; log-sum-exp of the in-scope logits
(Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020); the gap between the two largest;
the out-of-scope label's logit over the largest; the entropy."""


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """``expit(features @ weights + bias)`` is the probability of being out of scope; rejected from
    ``threshold`` on."""

    weights: tuple[float, ...]
    bias: float
    threshold: float

    def scores(self, logits: NDArray[np.float32], outside: int) -> NDArray[np.float64]:
        """Probability of being out of scope, float64[N], from logits float32[N, I]; ``outside`` is the
        column of the out-of-scope label."""
        scores: NDArray[np.float64] = expit(features(logits, outside) @ np.array(self.weights) + self.bias)
        return scores

    def to_json(self) -> dict[str, Any]:
        """What is written beside the model."""
        return {
            "features": list(FEATURES),
            "weights": list(self.weights),
            "bias": self.bias,
            "threshold": self.threshold,
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "OutOfScope":
        """Read ``to_json``'s result. Raises ``ValueError`` for one of other features."""
        if tuple(content["features"]) != FEATURES:
            raise ValueError(f"out-of-scope features {content['features']} are not {list(FEATURES)}")
        return OutOfScope(tuple(content["weights"]), content["bias"], content["threshold"])


def features(logits: NDArray[np.float32], outside: int) -> NDArray[np.float64]:
    """``FEATURES`` of logits float32[N, I] as float64[N, 5]."""
    inside = np.delete(logits.astype(np.float64), outside, axis=1)
    likelihood = log_softmax(inside, axis=1)
    ordered = np.sort(inside, axis=1)
    entropy = -(np.exp(likelihood) * likelihood).sum(axis=1)
    return np.column_stack(
        [
            likelihood.max(axis=1),
            logsumexp(inside, axis=1),
            ordered[:, -1] - ordered[:, -2],
            logits[:, outside] - ordered[:, -1],
            entropy,
        ]
    )


def fit(
    logits: NDArray[np.float32],
    targets: Sequence[int] | NDArray[np.int64],
    outside: int,
    rejected_in_scope: float = IN_SCOPE_COST,
) -> OutOfScope:
    """Fit on validation: ``logits`` float32[N, I], ``targets`` int[N], ``outside`` the label's number.

    The threshold is the lowest at which at most ``rejected_in_scope`` of the in-scope examples are
    rejected that would have been understood. Raises ``ValueError`` without examples of both kinds.
    """
    targets = np.asarray(targets)
    is_outside = targets == outside
    if not 0 < is_outside.sum() < len(targets):
        raise ValueError(
            "out of scope is calibrated on validation examples of both kinds, in and out of scope"
        )
    scaler, regression = StandardScaler(), LogisticRegression(class_weight="balanced", C=1.0)
    make_pipeline(scaler, regression).fit(features(logits, outside), is_outside)
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - scaler.mean_ @ weights)
    found = OutOfScope(tuple(weights.tolist()), bias, 1.0)
    scores = found.scores(logits, outside)
    understood = (
        np.delete(logits, outside, axis=1).argmax(axis=1) == _inside(targets, outside)
    ) & ~is_outside
    ordered = np.sort(scores[understood])[::-1]
    allowed = min(int(rejected_in_scope * (~is_outside).sum()), len(ordered) - 1)
    return OutOfScope(found.weights, bias, float(np.nextafter(ordered[allowed], 2.0)))


def _inside(targets: NDArray[np.int64], outside: int) -> NDArray[np.int64]:
    """Numbers among the in-scope labels alone."""
    return targets - (targets > outside)
