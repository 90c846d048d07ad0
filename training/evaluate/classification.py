"""How often what was predicted is right: labels, several labels at once, and slots."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from training.data.examples import Slot

PAIRS: Final = 20
"""Most confusions that are told."""


def single_label(right: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Judge one label for each example, ``right`` against ``predicted``; at least one example.

    Gives ``accuracy``, ``macro_f1`` (over the labels that occur in either), ``report``
    (scikit-learn's, by label) and ``most_confused``; shares from 0 to 1.
    """
    labels = sorted({*right, *predicted})
    report = classification_report(right, predicted, output_dict=True, zero_division=0)
    return {
        "accuracy": _rounded(accuracy_score(right, predicted)),
        "macro_f1": _rounded(report["macro avg"]["f1-score"]),
        "report": _told(report),
        "most_confused": most_confused(labels, confusion(labels, right, predicted)),
    }


def confusion(labels: Sequence[str], right: Sequence[str], predicted: Sequence[str]) -> NDArray[np.int64]:
    """Count examples of each right label (rows) by what was predicted (columns): int64[labels, labels]."""
    if len(labels) == 1:  # of which scikit-learn warns
        return np.array([[len(right)]], np.int64)
    matrix: NDArray[np.int64] = confusion_matrix(right, predicted, labels=list(labels)).astype(np.int64)
    return matrix


def most_confused(
    labels: Sequence[str], matrix: NDArray[np.int64], pairs: int = PAIRS
) -> list[dict[str, Any]]:
    """Give the confusions that happen most, the most frequent first, alphabetically where alike."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    found = sorted(zip(*np.nonzero(wrong), strict=True), key=lambda at: (-int(wrong[at]), at))
    return [
        {
            "right": labels[row],
            "predicted": labels[column],
            "count": int(wrong[row, column]),
            "share": _rounded(wrong[row, column] / matrix[row].sum()),
        }
        for row, column in found[:pairs]
    ]


def multi_label(
    labels: Sequence[str], right: Sequence[Collection[str]], predicted: Sequence[Collection[str]]
) -> dict[str, Any]:
    """Judge any number of labels for each example, also none.

    Gives ``exact_match`` (all of an example's labels and no other; ``accuracy`` is the
    same), ``micro_f1``, ``macro_f1`` (over the labels that occur in either) and ``report``.
    A right label that is not among ``labels`` is missed.
    """
    known = [*labels, *sorted({label for each in right for label in each} - set(labels))]
    binarizer = MultiLabelBinarizer(classes=known)
    truth, said = binarizer.fit_transform(right), binarizer.transform(predicted)
    occurring = np.flatnonzero((truth.sum(axis=0) + said.sum(axis=0)) > 0)
    exact = _rounded(accuracy_score(truth, said))
    common: dict[str, Any] = {"labels": occurring, "zero_division": 0}
    return {
        "accuracy": exact,
        "exact_match": exact,
        "micro_f1": _rounded(f1_score(truth, said, average="micro", **common)),
        "macro_f1": _rounded(f1_score(truth, said, average="macro", **common)),
        "report": _told(
            classification_report(
                truth, said, target_names=[known[at] for at in occurring], output_dict=True, **common
            )
        ),
    }


def slots(right: Sequence[Sequence[Slot]], predicted: Sequence[Sequence[Slot]]) -> dict[str, Any]:
    """Judge spans: a slot is found where its name and both its ends are right (CoNLL-2003's measure).

    Gives ``precision``, ``recall``, ``f1`` over all slots, ``macro_f1`` over the names
    that occur in either, and ``by_name``; shares from 0 to 1.
    """
    found, wanted, said = Counter[str](), Counter[str](), Counter[str]()
    for truth, guess in zip(right, predicted, strict=True):
        found.update(slot.name for slot in set(truth) & set(guess))
        wanted.update(slot.name for slot in set(truth))
        said.update(slot.name for slot in set(guess))
    by_name = {
        name: {**_f1(found[name], wanted[name], said[name]), "support": wanted[name]}
        for name in sorted({*wanted, *said})
    }
    return {
        **_f1(found.total(), wanted.total(), said.total()),
        "macro_f1": _rounded(float(np.mean([each["f1"] for each in by_name.values()])) if by_name else 0.0),
        "support": wanted.total(),
        "by_name": by_name,
    }


def _f1(found: int, wanted: int, said: int) -> dict[str, float]:
    return {
        "precision": _rounded(found / said if said else 0.0),
        "recall": _rounded(found / wanted if wanted else 0.0),
        "f1": _rounded(2 * found / (wanted + said) if wanted + said else 0.0),
    }


def _told(report: dict[str, Any]) -> dict[str, Any]:
    """Give scikit-learn's report by label, in numbers that JSON knows."""
    return {
        name: {key: _rounded(value) for key, value in row.items()}
        for name, row in report.items()
        if isinstance(row, dict)
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)
