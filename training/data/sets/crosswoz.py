"""CrossWOZ: Mandarin dialogues about a trip, with acts (Zhu et al., TACL 2020; Apache-2.0).

Public original: github.com/thu-coai/CrossWOZ. Only what customers say is read. An act is
"Act-domain-slot", as "Request-餐馆-地址"; its value is left out. Train and validation are carved
from the official validation file by dialogue; test is the official test.

No act is dropped for being rare: labels are the acts of all three splits, so that an act of test
that train never showed counts as missed. A turn without an act has no intents.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

from training.data.examples import DataError, Example, ExampleSet
from training.data.splits import carve

_VALIDATION_SHARE = 0.15
_VALIDATION_SEED = 77


def read(data: Path) -> ExampleSet:
    """Give customers' turns with their acts; a dialogue is a group. Raises ``DataError``."""
    folder = data / "crosswoz" / "data" / "crosswoz"
    given = _turns(folder / "val.json.zip", "train")
    # By dialogue alone: nearly every dialogue has a "thank you" that would join it with the others.
    train, validation = carve(given, _VALIDATION_SHARE, _VALIDATION_SEED, near_duplicate_texts=False)
    test = _turns(folder / "test.json.zip", "test")
    labels = {intent for example in (*given, *test) for intent in example.intents}
    return ExampleSet("crosswoz", train, validation, test, tuple(sorted(labels)), multi_label=True)


def _turns(path: Path, split: str) -> tuple[Example, ...]:
    name = path.stem
    try:
        with zipfile.ZipFile(path) as archive:
            dialogues = json.loads(archive.read(name))
        return tuple(
            Example(
                message["content"],
                "zh",
                _acts(message["dialog_act"]),
                split=split,
                group=dialogue,
                source=f"{path}:1 {dialogue}[{number}]",
            )
            for dialogue, content in dialogues.items()
            for number, message in enumerate(content["messages"])
            if message["role"] == "usr"
        )
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}: fetch it from CrossWOZ") from error
    except (zipfile.BadZipFile, json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{path}:1: is not CrossWOZ's {name} in a zip ({error}): fetch it anew") from error


def _acts(acts: list[list[Any]]) -> tuple[str, ...]:
    return tuple(sorted({f"{act}-{domain}-{slot}" for act, domain, slot, _ in acts}))
