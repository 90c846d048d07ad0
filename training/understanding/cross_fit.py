"""What a fine-tuned encoder thinks of examples that it was not trained on: trained anew for each fold.

Figures and calibrators that are fitted on an encoder's own training examples would be far too sure;
on these they are honest, and no example is lost to a held-out part.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from training.data.examples import Example, ExampleSet
from training.understanding.arguments import UnderstandingArguments
from training.understanding.predict import Trained

MOST_FOLDS: Final = 10
WATCHED: Final = 0.1
"""Share of a training's examples that its early stopping watches, where there is one."""


TrainOne = Callable[[ExampleSet, UnderstandingArguments, Path], Trained]
"""Trains on a set into a folder, or goes on where a killed training stood."""

Ask = Callable[[Trained, Sequence[str]], dict[str, NDArray[np.float32]]]
"""Logits ``[n, labels]`` of texts in each form in which the model may be served, by its name."""


def cross_fit(
    examples: Sequence[Example],
    whole: ExampleSet,
    arguments: UnderstandingArguments,
    folds: Sequence[NDArray[np.int64]],
    work: Path,
    train_one: TrainOne,
    ask: Ask,
) -> dict[str, NDArray[np.float32]]:
    """Give each example's logits, float32 ``[n, labels]``, by a training on all folds but its own.

    ``whole`` names the labels. Folds that were done before in ``work`` with the same examples and
    arguments are not done again. Raises what the training raises.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for number, unseen in enumerate(folds):
        seen = np.setdiff1d(np.arange(len(examples)), unseen)
        learned = set_of(whole, [examples[place] for place in seen], arguments)
        asked = [examples[place].text for place in unseen]
        kept = work / f"fold_{number + 1}.npz"
        identity = _identity(learned, asked, arguments)
        logits = _read(kept, identity)
        if logits is None:
            folder = work / f"fold_{number + 1}"
            logits = ask(train_one(learned, arguments, folder), asked)
            _write(kept, identity, logits)
            shutil.rmtree(folder, ignore_errors=True)
        for form, rows in logits.items():
            found.setdefault(form, np.empty((len(examples), rows.shape[1]), np.float32))[unseen] = rows
    return found


def folds_of(examples: Sequence[Example], count: int, seed: int) -> list[NDArray[np.int64]]:
    """Cut examples into folds with the same share of each intent and language; equal texts stay together.

    Raises ``ValueError`` for fewer than 2 or more than 10.
    """
    if not 2 <= count <= MOST_FOLDS:
        raise ValueError(f"{count} folds: name 2 to {MOST_FOLDS}")
    first: dict[str, int] = {}
    for place, example in enumerate(examples):
        first.setdefault(example.text, place)
    places = np.array(list(first.values()))
    strata = _strata([examples[place] for place in places])
    fold = np.empty(len(examples), np.int64)
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    for number, (_, unseen) in enumerate(splitter.split(places, strata)):
        fold[places[unseen]] = number
    fold = fold[[first[example.text] for example in examples]]
    return [np.flatnonzero(fold == number) for number in range(count)]


def set_of(whole: ExampleSet, learned: Sequence[Example], arguments: UnderstandingArguments) -> ExampleSet:
    """Give a set to train on; a part of it is for early stopping to watch, where there is one."""
    if not arguments.patience:
        return replace(whole, train=tuple(learned), validation=(), test=())
    train, watched = train_test_split(
        list(learned), test_size=WATCHED, random_state=arguments.seed, stratify=_strata(learned)
    )
    return replace(whole, train=tuple(train), validation=tuple(watched), test=())


def _strata(examples: Sequence[Example]) -> list[str]:
    return [f"{' '.join(example.intents)} {example.language}" for example in examples]


def _identity(learned: ExampleSet, asked: Sequence[str], arguments: UnderstandingArguments) -> str:
    digest = hashlib.sha256(repr(replace(arguments, threads=1)).encode())
    for example in (*learned.train, *learned.validation):
        digest.update(repr((example.text, example.intents)).encode())
    digest.update(repr((learned.labels, list(asked))).encode())
    return digest.hexdigest()


def _read(file: Path, identity: str) -> dict[str, NDArray[np.float32]] | None:
    if not file.is_file():
        return None
    with np.load(file) as arrays:
        if str(arrays["identity"]) != identity:
            return None
        return {name: arrays[name] for name in arrays.files if name != "identity"}


def _write(file: Path, identity: str, logits: dict[str, NDArray[np.float32]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, identity=np.array(identity), **logits)
    partial.replace(file)


def left_of(folds: Sequence[NDArray[np.int64]]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give each fold as scikit-learn does: places of the others, and its own."""
    everything = np.concatenate(list(folds))
    for unseen in folds:
        yield np.setdiff1d(everything, unseen), unseen
