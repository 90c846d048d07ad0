"""What stands on both sides of a split, and would make a figure better than the model is."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.data.duplicates import counterparts, plain
from training.data.examples import DataError, Example, ExampleSet
from training.data.splits import digest

_SIDES: Final = (("train", "validation"), ("train", "test"), ("validation", "test"))
_NAMED: Final = 20
"""Leaks that an error names, at most."""
_SAYS: Final = {
    "customer": "the same customer or conversation",
    "clip": "the same clip",
    "picture": "the same picture",
    "text": "the same text",
    "near text": "nearly the same text",
}


@dataclass(frozen=True, slots=True)
class Leak:
    """An example that belongs together with one of another split."""

    kind: str
    """"customer", "clip", "picture", "text" (the same but for case and punctuation) or "near text"."""
    held_out: Example
    """Of validation or test."""
    learned: Example
    """Of train, or of validation where ``held_out`` is of test: one of them, where there are several."""

    def __str__(self) -> str:
        said = f"{_SAYS[self.kind]} stands in {self.learned.split} ({self.learned.source})"
        return f"{self.held_out.source}: {self.held_out.split}: {said}"


def find_leaks(examples: ExampleSet, texts: bool = True) -> Iterator[Leak]:
    """Give what stands on both sides of a split, for each held-out example, kind and other split once.

    Args:
        examples: The set.
        texts: Also compare texts. Where a set is split by conversation, short
            answers ("thank you") stand on both sides of any split.

    Raises:
        DataError: a clip or picture cannot be read.
    """
    digests: dict[Path, str] = {}
    keys: dict[str, Callable[[Example], Hashable]] = {
        "customer": lambda example: example.group or None,
        "clip": lambda example: digest(example.audio, example, digests),
        "picture": lambda example: digest(example.image, example, digests),
    }
    for learned_name, held_out_name in _SIDES:
        learned, held_out = examples.split(learned_name), examples.split(held_out_name)
        for kind, key in keys.items():
            yield from _same(kind, key, learned, held_out)
        if texts:
            yield from _texts(learned, held_out)


def check_leakage(examples: ExampleSet, texts: bool = True) -> None:
    """Refuse a set of which something stands on both sides of a split; see ``find_leaks``.

    Raises:
        DataError: it does; names the first leaks with file and line.
    """
    leaks = list(find_leaks(examples, texts))
    if leaks:
        named = "\n".join(str(leak) for leak in leaks[:_NAMED])
        more = f"\nand {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
        raise DataError(
            f"{named}{more}\nmove what belongs together to one split, or name no splits: then they are made"
        )


@dataclass(frozen=True, slots=True)
class LeakageCount:
    """How many examples of ``held_out`` belong together with one of ``learned``."""

    learned: str
    held_out: str
    kind: str
    count: int
    share: float
    """Of the examples of ``held_out``."""
    other_label: int
    """Of those counted, how many have other intents there than here: as noise, not as help."""


def report_leakage(examples: ExampleSet) -> tuple[LeakageCount, ...]:
    """Count what stands on both sides of the splits of a public set, which are used as they are.

    Only what there is is counted; nothing is changed. A text that is the same does not
    count as nearly the same too. Raises ``DataError`` as ``find_leaks`` does.
    """
    counted: Counter[tuple[str, str, str]] = Counter()
    differing: Counter[tuple[str, str, str]] = Counter()
    for leak in find_leaks(examples):
        key = (leak.learned.split, leak.held_out.split, leak.kind)
        counted[key] += 1
        differing[key] += leak.learned.intents != leak.held_out.intents
    return tuple(
        LeakageCount(*key, count, count / len(examples.split(key[1])), differing[key])
        for key, count in sorted(counted.items())
    )


def _same(
    kind: str,
    key: Callable[[Example], Hashable],
    learned: Sequence[Example],
    held_out: Sequence[Example],
) -> Iterator[Leak]:
    known: dict[Hashable, Example] = {}
    for example in learned:
        known.setdefault(key(example), example)
    for example in held_out:
        found = key(example)
        if found is not None and found in known:
            yield Leak(kind, example, known[found])


def _texts(learned: Sequence[Example], held_out: Sequence[Example]) -> Iterator[Leak]:
    known = [example.text for example in learned]
    for position, other in counterparts([example.text for example in held_out], known).items():
        example, found = held_out[position], learned[other]
        same = plain(example.text) == plain(found.text)
        yield Leak("text" if same else "near text", example, found)
