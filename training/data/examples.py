"""What is learned from: one utterance with all that came with it, and what it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class DataError(ValueError):
    """A data set cannot be used; the message begins with the file, and the line where there is one."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A named part of a text: its characters ``[start, end)``."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Example:
    """One turn of a customer.

    ``intents`` is empty where they are not known, and holds several where a set is
    multi-label. ``group`` names the customer, conversation or clip: no group stands
    on both sides of a split. ``source`` is "file:line".
    """

    text: str
    language: str = "en"
    intents: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    audio: Path | None = None
    image: Path | None = None
    answer: str | None = None
    split: str = "train"
    group: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """A set with its splits.

    ``labels`` are the intents in alphabetical order; ``out_of_scope``, where the set
    has it, is not among them, and marks examples that belong to none. ``unlabelled``
    are texts of training that may be learned from without their labels.
    """

    name: str
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    labels: tuple[str, ...]
    out_of_scope: str | None = None
    multi_label: bool = False
    slot_names: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    def split(self, name: str) -> Sequence[Example]:
        """Give the examples of ``train``, ``validation`` or ``test``. Raises ``DataError`` for another."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        if name not in splits:
            raise DataError(f"{self.name}: there is no split {name!r}: name one of {', '.join(splits)}")
        return splits[name]
