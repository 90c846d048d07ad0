"""NLU++: what customers ask a bank, several intents a sentence, with slots (CC BY 4.0).

Casanueva et al., Findings of NAACL 2022. Public original:
github.com/PolyAI-LDN/task-specific-datasets (``nlupp/data/banking``). The set comes in 20 folds.
The paper's "large" setup tests on each pair of folds and trains on the others; of its ten rounds
this is the last, with one pair kept for validation: trained on folds 0 to 15, chosen on 16 and 17,
tested on 18 and 19. A sentence without intents is an answer or small talk, and has none.
"""

import json
from pathlib import Path
from typing import Any

from training.data.examples import DataError, Example, ExampleSet, Slot
from training.data.sets.files import open_text

FOLDS = {"train": range(16), "validation": range(16, 18), "test": range(18, 20)}


def read(data: Path) -> ExampleSet:
    """Give the sentences of the bank. Raises ``DataError``."""
    folder = data / "nlupp" / "nlupp" / "data" / "banking"
    train, validation, test = (
        tuple(example for fold in folds for example in _fold(folder / f"fold{fold}.json", split))
        for split, folds in FOLDS.items()
    )
    every = (*train, *validation, *test)
    labels = {intent for example in every for intent in example.intents}
    names = {slot.name for example in every for slot in example.slots}
    return ExampleSet(
        "nlupp",
        train,
        validation,
        test,
        tuple(sorted(labels)),
        multi_label=True,
        slot_names=tuple(sorted(names)),
    )


def _fold(path: Path, split: str) -> tuple[Example, ...]:
    try:
        return tuple(
            Example(
                entry["text"],
                intents=tuple(sorted(entry.get("intents", ()))),
                slots=_slots(entry.get("slots", {})),
                split=split,
                source=f"{path}:1 [{number}]",
            )
            for number, entry in enumerate(json.loads(open_text(path)))
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}:1: is no fold of NLU++ ({error}): fetch it anew") from error


def _slots(found: dict[str, Any]) -> tuple[Slot, ...]:
    slots = (Slot(name, *value["span"]) for name, value in found.items())
    return tuple(sorted(slots, key=lambda slot: (slot.start, slot.end)))
