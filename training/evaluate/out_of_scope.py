"""Telling what is none of the known intents, by one threshold that validation data chooses."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

IN_SCOPE_COST: Final = 0.005
"""Share of validation's in-scope utterances that may be lost to the threshold."""

Floats = NDArray[np.floating[Any]]


def choose_threshold(scores: Floats, right: NDArray[np.bool_], cost: float = IN_SCOPE_COST) -> float:
    """Give the highest threshold at which in-scope accuracy falls by at most ``cost``.

    What has a score below the threshold is rejected. Only in-scope utterances decide, so
    that the choice does not hang on the few out-of-scope ones that were collected.

    Args:
        scores: float[n], of in-scope utterances of validation; higher is more surely in scope.
        right: bool[n], whether their intent would be right.
        cost: Share of all n, from 0 to 1.

    Raises:
        ValueError: no utterance is right, so that there is nothing to keep.
    """
    kept = np.sort(scores[right])
    if not len(kept):
        raise ValueError("no in-scope utterance of validation is right: there is no threshold to choose")
    return float(kept[min(int(cost * len(scores) + 1e-9), len(kept) - 1)])


def figures(
    scores: Floats, right: NDArray[np.bool_], outside: Floats, threshold: float
) -> dict[str, float | int | None]:
    """Judge a threshold; shares from 0 to 1.

    Args:
        scores: float[n], of in-scope utterances.
        right: bool[n], whether their intent would be right.
        outside: float[m], of out-of-scope utterances; where there are none, what is said of them is None.
        threshold: What has a lower score is rejected.

    Returns:
        ``in_scope_accuracy``, in which a rejected utterance counts as wrong;
        ``in_scope_accuracy_unthresholded``; ``in_scope_rejected``; ``out_of_scope_recall``, the share
        of ``outside`` that is rejected; ``auroc`` of the scores, which no threshold changes.
    """
    accepted = scores >= threshold
    some = len(outside) > 0
    auroc = roc_auc_score([1] * len(scores) + [0] * len(outside), [*scores, *outside]) if some else None
    return {
        "threshold": round(threshold, 6),
        "in_scope": len(scores),
        "out_of_scope": len(outside),
        "in_scope_accuracy": _share(accepted & right),
        "in_scope_accuracy_unthresholded": _share(right),
        "in_scope_rejected": _share(~accepted),
        "out_of_scope_recall": _share(outside < threshold) if some else None,
        "auroc": None if auroc is None else round(float(auroc), 4),
    }


def recall_by_kind(outside: Floats, kinds: Sequence[str], threshold: float) -> dict[str, float]:
    """Give the share of out-of-scope utterances that is rejected, for each kind of them."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    for score, kind in zip(outside, kinds, strict=True):
        by_kind[kind].append(float(score))
    return {kind: _share(np.array(scores) < threshold) for kind, scores in sorted(by_kind.items())}


def _share(values: NDArray[np.bool_]) -> float:
    return round(float(values.mean()), 4)
