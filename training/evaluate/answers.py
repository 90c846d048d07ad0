"""What a model of texts is asked for, whichever model it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.examples import ExampleSet, Slot

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of n texts.

    ``probabilities`` float[n, I], in the order of ``names``; rows sum to 1 unless several
    labels may hold. ``slots`` of each text; empty where the model finds none at all.
    ``in_scope`` float[n]: the higher, the more surely a text has a known intent; None where
    the highest probability of an intent says it.
    """

    probabilities: Floats
    slots: Sequence[Sequence[Slot]] = ()
    in_scope: Floats | None = None


Ask = Callable[[Sequence[str]], Answers]
"""A model: texts to answers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A model with what it decided on validation data; what is None is chosen when it is evaluated.

    ``several_from`` is the probability from which on a label holds where several may;
    ``in_scope_from`` the ``in_scope`` from which on a text is answered. ``saw_validation``:
    validation was learned from, so that nothing can be chosen on it.
    """

    ask: Ask
    several_from: float | None = None
    in_scope_from: float | None = None
    saw_validation: bool = False


def names(examples: ExampleSet) -> tuple[str, ...]:
    """Give the columns of ``Answers.probabilities``: intents, then out of scope where the set has it."""
    return (*examples.labels, *([examples.out_of_scope] if examples.out_of_scope else []))
