"""What is trained, and with what, as a command line says it: of ``train``, of ``search``."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from training.data.examples import DataError, ExampleSet
from training.data.sets import SETS, read_set
from training.understanding import presets
from training.understanding.arguments import UnderstandingArguments

TRACKERS: Final = ("progress", "tensorboard", "wandb")


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``examples_of`` and ``arguments_of`` read, ``--folder`` and ``--track``."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set", choices=sorted(SETS), metavar="NAME", help=", ".join(sorted(SETS)))
    what.add_argument("--examples", type=Path, metavar="FILE", help="labelled conversations, JSONL")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("FRONTDESK_DATA", "../shared/data")),
        help="folder of the public sets",
    )
    parser.add_argument("--preset", help="name in presets, or a TOML file; by default that of the set")
    parser.add_argument("--override", nargs="+", default=[], metavar="KEY=VALUE", help="learning_rate=5e-5")
    parser.add_argument("--folder", type=Path, help="where what comes of it is kept")
    parser.add_argument(
        "--track",
        nargs="+",
        choices=TRACKERS,
        default=["progress"],
        help="build/runs has TensorBoard's files",
    )


def examples_of(given: argparse.Namespace) -> ExampleSet:
    """Read the examples. Raises ``DataError``."""
    return read_examples(given.set, given.data, given.examples)


def arguments_of(given: argparse.Namespace) -> UnderstandingArguments:
    """Choose the arguments. Raises ``PresetError``."""
    return choose(given.preset, given.set, given.override)


def read_examples(name: str | None, data: Path, file: Path | None) -> ExampleSet:
    """Read a public set by its name from the folder ``data``, or a company's JSONL file."""
    if name is not None:
        return read_set(name, data)
    if file is None:
        raise DataError("there is nothing to train on: name a set or a file of examples")
    from training.data.jsonl import read_jsonl

    return read_jsonl(file)


def choose(preset: str | None, name: str | None, overrides: Sequence[str]) -> UnderstandingArguments:
    """Give the arguments of a preset, by its name or file, else of the set, else the defaults; overridden."""
    if preset is not None and preset.endswith(".toml"):
        chosen = presets.read(Path(preset).stem, Path(preset).parent)
    elif preset is not None:
        chosen = presets.read(preset)
    elif name in presets.names():
        chosen = presets.read(str(name))
    else:
        chosen = UnderstandingArguments()
    return presets.overridden(chosen, overrides)
