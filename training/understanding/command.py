"""What is trained, and with what, as a command line says it: of ``training.understanding``, of ``search``.

``frontdesk train`` reads the same options, and puts the same model into the same folder.
"""

import argparse
import os
from pathlib import Path
from typing import Final

from training.commands import models
from training.data.examples import ExampleSet
from training.data.jsonl import read_jsonl
from training.data.sets import SETS, read_set
from training.understanding.arguments import UnderstandingArguments

TRACKERS: Final = ("progress", "tensorboard", "wandb")


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the options that are read here, and ``--track``."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set", choices=sorted(SETS), metavar="NAME", help=", ".join(sorted(SETS)))
    what.add_argument("--examples", type=Path, metavar="FILE.jsonl", help="labelled conversations")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("FRONTDESK_DATA", "../shared/data")),
        help="folder of the public sets",
    )
    parser.add_argument("--preset", metavar="NAME", help="how to train; by default the set's own")
    parser.add_argument(
        "--override", action="append", default=[], metavar="KEY=VALUE", help="learning_rate=5e-5; repeat it"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where what comes of it is kept")
    parser.add_argument(
        "--track", action="append", choices=TRACKERS, help="tensorboard writes to build/runs; repeat it"
    )


def examples_of(given: argparse.Namespace) -> ExampleSet:
    """Read the examples. Raises ``DataError``."""
    return read_set(given.set, given.data) if given.set is not None else read_jsonl(given.examples)


def arguments_of(given: argparse.Namespace, examples: ExampleSet) -> UnderstandingArguments:
    """Choose the arguments. Raises ``PresetError``."""
    return models.chosen(given.preset or examples.name, examples, given.override)[0]


def folder_of(given: argparse.Namespace, examples: ExampleSet, arguments: UnderstandingArguments) -> Path:
    """Where the model is kept."""
    if given.out is not None:
        return Path(given.out)
    name = given.preset or examples.name
    return models.checkpoint_of(name, arguments, models.chosen(name, examples, ())[0].seed)


def trackers_of(given: argparse.Namespace) -> list[str]:
    """Names of the trackers."""
    return list(given.track or ["progress"])
