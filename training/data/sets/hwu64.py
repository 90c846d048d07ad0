"""HWU64: what people say to an assistant at home, 64 intents (Liu et al., IWSDS 2019; CC BY-SA 3.0).

Public original: github.com/xliuhw/NLU-Evaluation-Data; the splits are those of
github.com/jianguoz/Few-Shot-Intent-Detection.
"""

from pathlib import Path

from training.data.examples import Example, ExampleSet
from training.data.sets.files import pairs


def read_full(data: Path) -> ExampleSet:
    """Give the whole set. Raises ``DataError``."""
    return _set(data, "hwu64", "train")


def read_shots(data: Path, shots: int) -> ExampleSet:
    """Give 5 or 10 examples an intent; validation and test as in the whole set. Raises ``DataError``."""
    return _set(data, f"hwu64-{shots}shot", f"train_{shots}")


def _set(data: Path, name: str, folder: str) -> ExampleSet:
    train, validation, test = (
        tuple(
            Example(text, intents=(label,), split=split, source=source)
            for source, text, label in pairs(data / "fewshot_intent" / "HWU64" / part)
        )
        for split, part in (("train", folder), ("validation", "valid"), ("test", "test"))
    )
    labels = {intent for example in train for intent in example.intents}
    return ExampleSet(name, train, validation, test, tuple(sorted(labels)))
