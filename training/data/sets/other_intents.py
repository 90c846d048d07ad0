"""CLINC150 and HWU64 as one set of 214 intents: what an encoder learns before a company's few examples.

Learning intents of other domains first is Zhang et al., "Effectiveness of Pre-training for Few-shot Intent
Classification" (EMNLP Findings 2021), https://arxiv.org/abs/2109.05782.
"""

from dataclasses import replace
from pathlib import Path

from training.data.examples import Example, ExampleSet
from training.data.sets import clinc150, hwu64


def read(data: Path) -> ExampleSet:
    """Give both sets' splits, without the questions out of scope. Raises ``DataError``."""
    sets = (clinc150.read_full(data), hwu64.read_full(data))
    train, validation, test = (
        tuple(
            _named(each.name, example) for each in sets for example in each.split(split) if _in(each, example)
        )
        for split in ("train", "validation", "test")
    )
    labels = {intent for example in train for intent in example.intents}
    return ExampleSet("other-intents", train, validation, test, tuple(sorted(labels)))


def _in(whole: ExampleSet, example: Example) -> bool:
    return example.intents != (whole.out_of_scope,)


def _named(name: str, example: Example) -> Example:
    return replace(example, intents=tuple(f"{name}_{intent}" for intent in example.intents))
