"""CLINC150: 150 intents of ten domains, and questions of none (Larson et al., EMNLP 2019; CC BY 3.0).

Public originals: github.com/clinc/oos-eval (``data_full.json``) and, for ten examples an intent,
github.com/jianguoz/Few-Shot-Intent-Detection.
"""

import json
from pathlib import Path

from training.data.examples import DataError, Example, ExampleSet
from training.data.sets.files import open_text, pairs

OUT_OF_SCOPE = "oos"
_SPLITS = {"train": "train", "validation": "val", "test": "test"}


def read_full(data: Path) -> ExampleSet:
    """Give the official splits, the questions out of scope among them. Raises ``DataError``."""
    train, validation, test = (_official(data, split) for split in _SPLITS)
    return _set("clinc150", train, validation, test)


def read_shots(data: Path, shots: int) -> ExampleSet:
    """Give 5 or 10 examples an intent, none out of scope; validation and test as in the whole set."""
    folder = data / "fewshot_intent" / "CLINC150" / f"train_{shots}"
    train = tuple(
        Example(text, intents=(label.replace(" ", "_"),), source=source)
        for source, text, label in pairs(folder)
    )
    return _set(f"clinc150-{shots}shot", train, _official(data, "validation"), _official(data, "test"))


def _set(
    name: str, train: tuple[Example, ...], validation: tuple[Example, ...], test: tuple[Example, ...]
) -> ExampleSet:
    labels = {intent for example in train for intent in example.intents} - {OUT_OF_SCOPE}
    return ExampleSet(name, train, validation, test, tuple(sorted(labels)), OUT_OF_SCOPE)


def _official(data: Path, split: str) -> tuple[Example, ...]:
    path = data / "clinc150" / "data" / "data_full.json"
    try:
        content = json.loads(open_text(path))
        parts = [(part, content[part]) for part in (_SPLITS[split], f"oos_{_SPLITS[split]}")]
        return tuple(
            # The file is one line: an example is named by its place.
            Example(text, intents=(intent,), split=split, source=f"{path}:1 {part}[{number}]")
            for part, entries in parts
            for number, (text, intent) in enumerate(entries)
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}:1: is not CLINC150's data_full.json ({error}): fetch it anew") from error
