"""COLD: offensive language in Mandarin (Deng et al., EMNLP 2022; Apache-2.0).

Public original: github.com/thu-coai/COLDataset.
"""

from pathlib import Path

from training.data.examples import DataError, Example, ExampleSet
from training.data.sets.files import rows

_LABELS = {"0": "safe", "1": "offensive"}
_SPLITS = {"train": "train", "validation": "dev", "test": "test"}


def read(data: Path) -> ExampleSet:
    """Give the official splits with the labels ``offensive`` and ``safe``. Raises ``DataError``."""
    train, validation, test = (_split(data, split) for split in _SPLITS)
    return ExampleSet("cold", train, validation, test, tuple(sorted(_LABELS.values())))


def _split(data: Path, split: str) -> tuple[Example, ...]:
    path = data / "cold" / "COLDataset" / f"{_SPLITS[split]}.csv"
    examples = []
    for source, row in rows(path, ("TEXT", "label"), encoding="utf-8-sig"):
        if row["label"] not in _LABELS:
            raise DataError(f"{source}: the label {row['label']!r} is neither 0 nor 1")
        examples.append(Example(row["TEXT"], "zh", (_LABELS[row["label"]],), split=split, source=source))
    return tuple(examples)
