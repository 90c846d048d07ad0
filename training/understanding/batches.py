"""Texts to batches of token ids: of similar length together, in an order that the seed decides."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.examples import DataError, Example, ExampleSet, Slot

IGNORED: Final = -100
"""Slot tag of tokens that count for nothing: special ones."""
_CHUNK: Final = 16
"""Batches whose texts are sorted by length together."""


@dataclass(frozen=True, slots=True)
class Batch:
    """``input_ids``, ``attention_mask`` int64[B, T]; ``targets`` int64[B], or float[B, I] where
    multi-label or soft; ``tags`` int64[B, T] or None."""

    input_ids: Tensor
    attention_mask: Tensor
    targets: Tensor
    tags: Tensor | None


class Labels:
    """Names to numbers: intents in alphabetical order, then out of scope; BIO tags of slots."""

    def __init__(
        self, intents: Sequence[str], out_of_scope: str | None, multi_label: bool, slots: Sequence[str]
    ) -> None:
        self.intents = (*intents, *([out_of_scope] if out_of_scope else []))
        self.out_of_scope = out_of_scope
        self.multi_label = multi_label
        self.slots = tuple(slots)
        self.tags = ("O", *(f"{prefix}-{name}" for name in slots for prefix in "BI")) if slots else ()
        self._numbers = {name: number for number, name in enumerate(self.intents)}

    @staticmethod
    def of(examples: ExampleSet) -> "Labels":
        """Those of a set."""
        return Labels(examples.labels, examples.out_of_scope, examples.multi_label, examples.slot_names)

    def targets(self, examples: Sequence[Example]) -> NDArray[np.int64] | NDArray[np.float32]:
        """int64[n], or float32[n, I] of 0 and 1 where multi-label (a label that is not known is left out).

        Raises ``DataError`` naming the line of an example without exactly one known intent.
        """
        if self.multi_label:
            several = np.zeros((len(examples), len(self.intents)), np.float32)
            for row, example in enumerate(examples):
                for name in example.intents:
                    if name in self._numbers:
                        several[row, self._numbers[name]] = 1.0
            return several
        single = np.empty(len(examples), np.int64)
        for row, example in enumerate(examples):
            if len(example.intents) != 1 or example.intents[0] not in self._numbers:
                raise DataError(
                    f"{example.source}: intent {list(example.intents)} is not one of the"
                    f" {len(self.intents)} labels that are trained"
                )
            single[row] = self._numbers[example.intents[0]]
        return single

    def tags_of(self, slots: Sequence[Slot], offsets: Sequence[tuple[int, int]]) -> list[int]:
        """BIO tags of tokens at ``offsets`` (characters of the text; empty ones are special)."""
        tags = []
        inside = None
        for begin, end in offsets:
            if begin == end:
                tags.append(IGNORED)
                continue
            slot = next((s for s in slots if s.start < end and begin < s.end), None)
            if slot is None:
                tags.append(0)
            else:
                tags.append(1 + 2 * self.slots.index(slot.name) + (slot is inside))
            inside = slot
        return tags

    def slots_of(self, tags: Sequence[int], offsets: Sequence[tuple[int, int]]) -> tuple[Slot, ...]:
        """Slots that tags name: a B or a change of name begins one."""
        found: list[Slot] = []
        open_slot = False
        for tag, (begin, end) in zip(tags, offsets, strict=True):
            if tag <= 0 or begin == end:
                open_slot = open_slot and begin == end
                continue
            name, starts = self.slots[(tag - 1) // 2], (tag - 1) % 2 == 0
            if open_slot and not starts and found[-1].name == name:
                found[-1] = Slot(name, found[-1].start, end)
            else:
                found.append(Slot(name, begin, end))
            open_slot = True
        return tuple(found)


class TextBatches:
    """Tokenizes with the encoder's prefix and window."""

    def __init__(self, tokenizer: Any, prefix: str, max_tokens: int, labels: Labels) -> None:
        self._tokenizer = tokenizer
        self._prefix = prefix
        self._max_tokens = max_tokens
        self._labels = labels
        self.pad_id = int(tokenizer.pad_token_id or 0)

    def encode(self, texts: Sequence[str]) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
        """Token ids of each text, and the characters of the text behind each token."""
        prefix = len(self._prefix)
        encoded = self._tokenizer(
            [self._prefix + text for text in texts],
            truncation=True,
            max_length=self._max_tokens,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        offsets = [
            [(max(begin - prefix, 0), max(end - prefix, 0)) for begin, end in row]
            for row in encoded["offset_mapping"]
        ]
        return encoded["input_ids"], offsets

    def pad(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Ids and mask, both int64[B, longest]."""
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self.pad_id, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, own in enumerate(rows):
            ids[row, : len(own)] = torch.tensor(own)
            mask[row, : len(own)] = 1
        return ids, mask

    def batch(self, examples: Sequence[Example], texts: Sequence[str], targets: NDArray[Any]) -> Batch:
        """A batch of examples that read ``texts`` now (slots are dropped where a text was disturbed)."""
        ids, offsets = self.encode(texts)
        padded, mask = self.pad(ids)
        tags = None
        if self._labels.tags:
            tags = torch.full_like(padded, IGNORED)
            for row, (example, text, own) in enumerate(zip(examples, texts, offsets, strict=True)):
                if text == example.text:
                    tags[row, : len(own)] = torch.tensor(self._labels.tags_of(example.slots, own))
        return Batch(padded, mask, torch.from_numpy(targets), tags)


class Epoch(Dataset[Batch]):
    """The batches of an epoch, each made when it is asked for.

    ``texts`` are what ``examples`` read now, ``targets`` as of ``Labels.targets``, ``places`` the
    positions of each batch.
    """

    def __init__(
        self,
        batches: TextBatches,
        examples: Sequence[Example],
        texts: Sequence[str],
        targets: NDArray[Any],
        places: Sequence[Sequence[int]],
    ) -> None:
        self._batches = batches
        self._examples = examples
        self._texts = texts
        self._targets = targets
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Batch:
        chosen = self._places[number]
        return self._batches.batch(
            [self._examples[place] for place in chosen],
            [self._texts[place] for place in chosen],
            self._targets[chosen],
        )

    def ready(self, first: int, workers: int) -> Iterable[Batch]:
        """Give the batches from the ``first`` on, made by ``workers`` other processes, or by this one for 0.

        Which processes make them changes nothing of them, nor of this process's random numbers.
        """
        if workers:
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns of each fork
        ready: Iterable[Batch] = DataLoader(
            self,
            batch_size=None,
            sampler=range(first, len(self)),
            num_workers=workers,
            generator=torch.Generator(),
        )
        return ready


def order(lengths: Sequence[int], batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """Positions of each batch of an epoch: shuffled, but of similar length within a batch."""
    shuffled = rng.permutation(len(lengths))
    batches: list[list[int]] = []
    for begin in range(0, len(shuffled), batch_size * _CHUNK):
        chunk = sorted(shuffled[begin : begin + batch_size * _CHUNK].tolist(), key=lambda p: lengths[p])
        batches += [chunk[first : first + batch_size] for first in range(0, len(chunk), batch_size)]
    return [batches[position] for position in rng.permutation(len(batches))]


def by_length(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Positions of each batch for prediction: sorted by length, each once."""
    sorted_positions = sorted(range(len(lengths)), key=lambda position: lengths[position])
    for begin in range(0, len(sorted_positions), batch_size):
        yield sorted_positions[begin : begin + batch_size]
