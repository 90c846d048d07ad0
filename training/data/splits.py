"""Splits that leak nothing: what belongs together stays on one side."""

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from training.data.duplicates import joined, near_duplicates
from training.data.examples import DataError, Example


def groups(examples: Sequence[Example], near_duplicate_texts: bool = True) -> list[int]:
    """Give each example its group's number; a group must not be split.

    Examples belong together by the same customer or conversation (``group``), the
    same clip or picture (by the content of its file, SHA-256), and, unless that is
    put off, a nearly identical text. Where a set is split by conversation, put it
    off: everybody says "thank you", which would join all of them.

    Raises:
        DataError: a clip or picture cannot be read.
    """
    pairs = near_duplicates([example.text for example in examples]) if near_duplicate_texts else []
    digests: dict[Path, str] = {}
    keys = [
        [example.group or None for example in examples],
        [digest(example.audio, example, digests) for example in examples],
        [digest(example.image, example, digests) for example in examples],
    ]
    return joined(len(examples), pairs, keys)


def digest(path: Path | None, example: Example, known: dict[Path, str]) -> str | None:
    """Give the SHA-256 of an example's file, and keep it in ``known``; None without a file.

    Raises:
        DataError: it cannot be read.
    """
    if path is None:
        return None
    if path not in known:
        try:
            known[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(f"{example.source}: {path} cannot be read: {error.strerror}") from error
    return known[path]


def carve(
    examples: Sequence[Example],
    share: float,
    seed: int,
    split: str = "validation",
    near_duplicate_texts: bool = True,
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Give ``examples`` without, and with, about ``share`` of them that are held out.

    Stratified by label as far as the groups allow (scikit-learn's ``StratifiedGroupKFold``;
    an example with several labels counts for its rarest). The same seed gives the same
    split. What is held out has its ``split`` set; the order is the examples'.

    Args:
        examples: All, in any order.
        share: Held out, above 0, at most 0.5.
        seed: Draws which.
        split: Name of what is held out.
        near_duplicate_texts: See ``groups``.

    Raises:
        DataError: the share is outside its range, or there are fewer groups than it takes.
    """
    if not 0 < share <= 0.5:
        raise DataError(f"a share of {share} cannot be held out: name one above 0, at most 0.5")
    numbers = groups(examples, near_duplicate_texts)
    folds = max(2, round(1 / share))
    if len(set(numbers)) < folds:
        raise DataError(
            f"{examples[0].source if examples else 'no examples'}: {len(set(numbers))} groups of examples "
            f"cannot give a {split} split of {share:.0%}: add other customers or conversations"
        )
    strata = _strata(examples)
    if max(Counter(strata).values()) < folds:  # no label has an example for every fold
        strata = [""] * len(examples)
    folding = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Of labels with fewer examples than folds: their few groups go where they fit.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        _, held_out = next(folding.split(np.zeros(len(strata)), strata, numbers))
    chosen = set(held_out.tolist())
    kept = tuple(example for position, example in enumerate(examples) if position not in chosen)
    carved = tuple(replace(examples[position], split=split) for position in sorted(chosen))
    return kept, carved


def _strata(examples: Sequence[Example]) -> list[str]:
    counts = Counter(intent for example in examples for intent in example.intents)
    return [min(example.intents, key=lambda name: (counts[name], name), default="") for example in examples]
