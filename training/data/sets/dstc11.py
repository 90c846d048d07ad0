"""DSTC 11, track 2: what customers said to an insurer's call centre, 22 intents (CDLA-Permissive-2.0).

Gung et al., "Intent Induction from Conversations for Task-Oriented Dialogue", 2023. Public original:
github.com/amazon-science/dstc11-track2-intent-induction (``development/test-utterances.jsonl``). It
has no splits: a fifth each is held out as validation and test, the same every time.
"""

import json
from pathlib import Path

from training.data.examples import DataError, Example, ExampleSet
from training.data.sets.files import open_text
from training.data.splits import carve

_SEED = 11


def read(data: Path) -> ExampleSet:
    """Give the utterances of the insurer. Raises ``DataError``."""
    path = data / "dstc11_insurance" / "dstc11" / "development" / "test-utterances.jsonl"
    examples = tuple(
        _example(line, f"{path}:{number}")
        for number, line in enumerate(open_text(path).removesuffix("\n").split("\n"), 1)
    )
    rest, test = carve(examples, 1 / 5, _SEED, split="test")
    train, validation = carve(rest, 1 / 4, _SEED)
    labels = {intent for example in examples for intent in example.intents}
    return ExampleSet("dstc11", train, validation, test, tuple(sorted(labels)))


def _example(line: str, source: str) -> Example:
    try:
        content = json.loads(line)
        return Example(content["utterance"], intents=(content["intent"],), source=source)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(
            f"{source}: is no utterance with its intent ({error}): fetch the file anew"
        ) from error
