"""BANKING77: questions to a bank, 77 intents (Casanueva et al., NLP4ConvAI 2020; CC BY 4.0).

Public originals: github.com/PolyAI-LDN/task-specific-datasets (``banking_data``), and the few-shot
splits of github.com/jianguoz/Few-Shot-Intent-Detection (Zhang et al., EMNLP 2020), which give the
same texts in lower case: they are read in the official file's writing. The full set has no
validation split: a tenth of train is held out, the same for every seed of a training.
"""

import re
from pathlib import Path

from training.data.duplicates import counterparts
from training.data.examples import DataError, Example, ExampleSet
from training.data.sets.files import pairs, rows
from training.data.splits import carve

_VALIDATION_SHARE = 0.1
_VALIDATION_SEED = 77


def read_full(data: Path) -> ExampleSet:
    """Give the whole set: train without its validation tenth, and the official test. Raises ``DataError``."""
    train, validation = carve(_official(data, "train"), _VALIDATION_SHARE, _VALIDATION_SEED)
    return _set("banking77", train, validation, _official(data, "test"))


def read_shots(data: Path, shots: int) -> ExampleSet:
    """Give the split of 5 or 10 examples an intent, its validation split, and the official test.

    ``unlabelled`` are the texts of the official train that are nearly the same as none of validation
    or test. Raises ``DataError``.
    """
    official = {_key(example.text): example for example in reversed(_official(data, "train"))}
    train = _in_official_writing(data, f"train_{shots}", "train", official)
    validation = _in_official_writing(data, "valid", "validation", official)
    test = _official(data, "test")
    texts = [example.text for example in official.values()]
    held_out = [example.text for example in (*validation, *test)]
    seen = counterparts(texts, held_out)
    unlabelled = tuple(text for position, text in enumerate(texts) if position not in seen)
    return _set(f"banking77-{shots}shot", train, validation, test, unlabelled)


def _set(
    name: str,
    train: tuple[Example, ...],
    validation: tuple[Example, ...],
    test: tuple[Example, ...],
    unlabelled: tuple[str, ...] = (),
) -> ExampleSet:
    labels = tuple(sorted({intent for example in train for intent in example.intents}))
    return ExampleSet(name, train, validation, test, labels, unlabelled=unlabelled)


def _official(data: Path, split: str) -> tuple[Example, ...]:
    path = data / "banking77" / "banking_data" / f"{split}.csv"
    return tuple(
        # Some texts of the file end in a line break.
        Example(row["text"].strip(), intents=(row["category"],), split=split, source=source)
        for source, row in rows(path, ("text", "category"))
    )


def _in_official_writing(
    data: Path, folder: str, split: str, official: dict[str, Example]
) -> tuple[Example, ...]:
    examples = []
    for source, text, label in pairs(data / "fewshot_intent" / "BANKING77" / folder):
        original = official.get(_key(text))
        if original is None:
            raise DataError(f"{source}: the text is not in BANKING77's train.csv: fetch both sets anew")
        examples.append(Example(original.text, intents=(label,), split=split, source=source))
    return tuple(examples)


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
