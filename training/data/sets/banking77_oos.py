"""BANKING77-OOS: 50 intents of a bank, and questions that are of none of them (Zhang et al., 2022).

"Are Pretrained Transformers Robust in Intent Classification?", NLP for ConvAI 2022. Public original:
github.com/jianguoz/Few-Shot-Intent-Detection, made of BANKING77 (CC BY 4.0) and CLINC150 (CC BY 3.0).
Out of scope are questions to a bank of the 27 other intents ("id-oos") and questions to no bank
("ood-oos"); an example's ``source`` says which. The files' training questions out of scope are left
out: what is out of scope is to be known by the 50 intents, and validation chooses the threshold.
"""

from pathlib import Path

from training.data.examples import Example, ExampleSet
from training.data.sets.files import pairs

OUT_OF_SCOPE = "oos"
_PARTS = {
    "train": ("train",),
    "validation": ("valid", "id-oos/valid", "ood-oos/valid"),
    "test": ("test", "id-oos/test", "ood-oos/test"),
}


def read(data: Path) -> ExampleSet:
    """Give the official splits. Raises ``DataError``."""
    train, validation, test = (_split(data, split) for split in _PARTS)
    labels = {intent for example in train for intent in example.intents}
    return ExampleSet("banking77-oos", train, validation, test, tuple(sorted(labels)), OUT_OF_SCOPE)


def _split(data: Path, split: str) -> tuple[Example, ...]:
    return tuple(
        Example(text, intents=(label,), split=split, source=source)
        for part in _PARTS[split]
        for source, text, label in pairs(data / "banking77_oos" / part)
    )
