"""MultiDoGO: what customers typed to a company's agents (Peskov et al., EMNLP 2019; CDLA-Permissive-1.0).

Public original: github.com/awslabs/multi-domain-goal-oriented-dialogues-dataset, turn-level,
``paper_splits``. Every row is kept, so that figures are of the official test: also those with an
empty text, and the rare ones whose intent joins two names by "<div>", which count as an intent
of their own (as the published baselines count them). Labels are those of all three splits: an
intent of test that train never showed counts as missed.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from training.data.examples import DataError, Example, ExampleSet, Slot
from training.data.sets.files import rows

DOMAINS = ("airline", "insurance", "software", "media")

_SPLITS = {"train": "train", "validation": "dev", "test": "test"}
_COLUMNS = ("conversationId", "utterance", "slot-labels", "intent")
_NOTHING = "O"


def read(data: Path, domain: str) -> ExampleSet:
    """Give a domain's official splits with intents and slots; a conversation is a group.

    Raises:
        DataError: a file is missing or not in its form, or words and tags of a row do not match.
    """
    train, validation, test = (_split(data, domain, split) for split in _SPLITS)
    every = (*train, *validation, *test)
    labels = {intent for example in every for intent in example.intents}
    names = {slot.name for example in every for slot in example.slots}
    name = f"multidogo-{domain}"
    return ExampleSet(name, train, validation, test, tuple(sorted(labels)), slot_names=tuple(sorted(names)))


def _split(data: Path, domain: str, split: str) -> tuple[Example, ...]:
    path = data / "multidogo_turn" / domain / f"{_SPLITS[split]}.tsv"
    return tuple(
        Example(
            row["utterance"],
            intents=(row["intent"],),
            slots=_slots(row["utterance"], row["slot-labels"].split(" "), source),
            split=split,
            group=row["conversationId"],
            source=source,
        )
        for source, row in rows(path, _COLUMNS, delimiter="\t")
    )


def _slots(text: str, tags: Sequence[str], source: str) -> tuple[Slot, ...]:
    """Give what stands in a run of equal tags; words are what single spaces part, empty ones too."""
    words = text.split(" ")
    if len(words) != len(tags):
        raise DataError(f"{source}: {len(words)} words have {len(tags)} slot labels: fetch the file anew")
    begins = [0]
    for word in words:
        begins.append(begins[-1] + len(word) + 1)
    slots = []
    for tag, run in groupby(range(len(tags)), key=lambda position: tags[position]):
        positions = [position for position in run if words[position]]
        if tag != _NOTHING and positions:
            end = begins[positions[-1]] + len(words[positions[-1]])
            slots.append(Slot(tag, begins[positions[0]], end))
    return tuple(slots)
