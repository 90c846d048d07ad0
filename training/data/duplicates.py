"""Texts that are nearly the same, and what must therefore stand on one side of a split. Pure."""

import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from rapidfuzz import fuzz, process

from services.dialogue.domain.checks import NEAR_IDENTICAL

_ROWS = 512
"""Of a comparison at once: it holds that many times the other texts' number of bytes."""


def plain(text: str) -> str:
    """Give a text without case, punctuation, and differences of width and space."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def near_duplicates(
    texts: Sequence[str], others: Sequence[str] | None = None, similarity: float = NEAR_IDENTICAL
) -> list[tuple[int, int]]:
    """Give the positions of texts that are nearly the same, of ``texts`` and of ``others``.

    Without ``others``, of pairs within ``texts``, the smaller position first. Texts are
    compared as ``plain`` gives them, by normalized indel similarity (0 to 100; the
    domain folder's check uses the same measure and limit). A text without a letter or
    digit is nearly the same as none. Compares 10,000 by 3,000 texts in about a second.
    """
    left = [plain(text) for text in texts]
    right = left if others is None else [plain(text) for text in others]
    # Every distinct text is compared once: short answers stand in a set by the hundred.
    of_left, of_right = _positions(left), _positions(right)
    left_keys = sorted(of_left, key=lambda key: (len(key), key))
    right_keys = sorted(of_right, key=lambda key: (len(key), key))
    lengths = np.array([len(key) for key in right_keys])
    reach = (200 - similarity) / similarity
    found: set[tuple[int, int]] = set()
    for begin in range(0, len(left_keys), _ROWS):
        rows = left_keys[begin : begin + _ROWS]
        # The shared part is no longer than the shorter text: other lengths cannot be similar.
        first = int(np.searchsorted(lengths, len(rows[0]) / reach - 1))
        last = int(np.searchsorted(lengths, len(rows[-1]) * reach + 1, "right"))
        scores = process.cdist(
            rows,
            right_keys[first:last],
            scorer=fuzz.ratio,
            score_cutoff=similarity,
            dtype=np.uint8,
            workers=-1,
        )
        for row, column in np.argwhere(scores > 0):
            for one in of_left[rows[row]]:
                for other in of_right[right_keys[first + column]]:
                    if others is not None:
                        found.add((one, other))
                    elif one != other:
                        found.add((min(one, other), max(one, other)))
    return sorted(found)


def _positions(keys: Iterable[str]) -> Mapping[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        if key:
            positions.setdefault(key, []).append(position)
    return positions


def joined(
    count: int, pairs: Iterable[tuple[int, int]], keys: Iterable[Sequence[Hashable]] = ()
) -> list[int]:
    """Give each of ``count`` things its group's number: joined by pairs, and by equal keys.

    Each of ``keys`` holds one key a thing, None where it has none. A group's number
    is the smallest position in it.
    """
    parent = list(range(count))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    for one, other in pairs:
        join(one, other)
    for column in keys:
        first: dict[Hashable, int] = {}
        for position, key in enumerate(column):
            if key is not None:
                join(first.setdefault(key, position), position)
    return [root(position) for position in range(count)]
