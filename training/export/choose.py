"""Chooses among forms of one model (full precision, 8 bits, fewer layers) by what they cost and gain."""

from collections.abc import Mapping
from typing import Any, Final

MOST_LOST: Final = 0.3
"""Points of accuracy on validation data that a smaller form may cost."""


def choose(compared: Mapping[str, Any], most_lost: float = MOST_LOST, threads: int = 1) -> str:
    """Name the fastest form that loses at most ``most_lost`` points against the first.

    ``compared`` is what ``training.evaluate.latency.compare`` says of forms on a validation split. A form
    that is no faster than the first is not chosen.

    Raises:
        ValueError: there are no forms, or no accuracy was measured.
    """
    forms = compared["forms"]
    if not forms:
        raise ValueError("there are no forms to choose from")
    first = next(iter(forms))
    accuracies = {name: form["accuracy"] for name, form in forms.items()}
    if None in accuracies.values():
        raise ValueError("forms are chosen by accuracy: name validation examples with one intent each")
    allowed = [name for name in forms if 100 * (accuracies[first] - accuracies[name]) <= most_lost + 1e-9]
    faster = {name: forms[name]["threads"][str(threads)]["faster"] for name in allowed}
    best: str = max(allowed, key=lambda name: (faster[name], name == first))
    return best
