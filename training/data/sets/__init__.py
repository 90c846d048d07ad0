"""Readers of public sets: ``read_set("banking77", folder)``."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from training.data.examples import DataError, ExampleSet
from training.data.sets import (
    banking77,
    banking77_oos,
    clinc150,
    cold,
    crosswoz,
    dstc11,
    hwu64,
    multidogo,
    nlupp,
    other_intents,
)

SETS: Mapping[str, Callable[[Path], ExampleSet]] = {
    "banking77": banking77.read_full,
    "banking77-10shot": partial(banking77.read_shots, shots=10),
    "banking77-5shot": partial(banking77.read_shots, shots=5),
    "banking77-oos": banking77_oos.read,
    "clinc150": clinc150.read_full,
    "clinc150-10shot": partial(clinc150.read_shots, shots=10),
    "hwu64": hwu64.read_full,
    "hwu64-10shot": partial(hwu64.read_shots, shots=10),
    **{f"multidogo-{domain}": partial(multidogo.read, domain=domain) for domain in multidogo.DOMAINS},
    "cold": cold.read,
    "crosswoz": crosswoz.read,
    "nlupp": nlupp.read,
    "other-intents": other_intents.read,
    "dstc11": dstc11.read,
}
"""By name, what reads the set from the folder of all sets."""


def read_set(name: str, data: Path) -> ExampleSet:
    """Read a public set from the folder ``data`` that holds all of them.

    Raises:
        DataError: there is no set of this name, or its files are missing or not in their form.
    """
    if name not in SETS:
        raise DataError(f"there is no set {name!r}: name one of {', '.join(SETS)}")
    return SETS[name](data)
