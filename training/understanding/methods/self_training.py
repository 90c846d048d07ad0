"""Self-training: a teacher labels texts without labels, a student learns from what it was sure of.

Scudder, "Probability of Error of Some Adaptive Pattern-Recognition Machines" (1965); Lee, "Pseudo-Label"
(ICML workshop 2013). The student begins anew and learns the teacher's probabilities rather than its first
choice, as in Xie et al., "Self-Training With Noisy Student" (CVPR 2020), https://arxiv.org/abs/1911.04252,
with so many texts a label at most, so that the easy ones do not crowd out the rest.
"""

import copy
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from accelerate.state import PartialState
from numpy.typing import NDArray

from training.data.examples import Example, ExampleSet
from training.understanding.arguments import UnderstandingArguments
from training.understanding.predict import Trained, load


class Fit(Protocol):
    """Trains once, see ``training.understanding.train.train``."""

    def __call__(
        self,
        examples: ExampleSet,
        arguments: UnderstandingArguments,
        folder: Path,
        *,
        encoder: Any,
        soft: Mapping[str, NDArray[np.float32]],
    ) -> Trained:
        """Train; ``soft`` are distributions over the labels that count instead of a text's own label."""
        ...


_CHUNK: Final = 1024
_ROUNDS: Final = 8
"""Halved each time, what a ninth would change is too little to matter."""


@dataclass(frozen=True, slots=True)
class Sure:
    """What a teacher was sure of: ascending ``positions`` int64[n] of texts, ``targets`` float32[n, I]."""

    positions: NDArray[np.int64]
    targets: NDArray[np.float32]


def propagate(
    probabilities: NDArray[np.float32],
    sentences: NDArray[np.float32],
    known: NDArray[np.float32],
    known_sentences: NDArray[np.float32],
    neighbours: int,
) -> NDArray[np.float32]:
    """Let similar texts agree: what a teacher says of a text becomes half what its neighbours say.

    Zhou et al., "Learning with Local and Global Consistency" (NIPS 2003): ``F = a S F + (1 - a) Y`` again and
    again, with ``a`` one half, ``Y`` what the teacher says, and ``S`` each text's ``neighbours`` nearest,
    weighted by the cube of their cosine (Iscen et al., "Label Propagation for Deep Semi-supervised
    Learning", CVPR 2019, https://arxiv.org/abs/1904.04717). ``probabilities`` float32[N, I] and ``sentences``
    float32[N, W] of length 1 are of texts without labels, ``known`` float32[M, I] and ``known_sentences``
    float32[M, W] of those with, which stay as they are. Gives float32[N, I].
    """
    every = np.concatenate([sentences, known_sentences])
    count = min(neighbours, len(every) - 1)
    if count < 1 or not len(sentences):
        return probabilities
    nearest = np.empty((len(sentences), count), np.int64)
    weights = np.empty((len(sentences), count, 1), np.float32)
    for begin in range(0, len(sentences), _CHUNK):
        rows = np.arange(begin, min(begin + _CHUNK, len(sentences)))
        similar = sentences[rows] @ every.T
        similar[np.arange(len(rows)), rows] = -np.inf
        nearest[rows] = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        cubes = np.maximum(np.take_along_axis(similar, nearest[rows], axis=1), 1e-3) ** 3
        weights[rows, :, 0] = cubes / cubes.sum(axis=1, keepdims=True)
    agreed = np.concatenate([probabilities, known])
    for _ in range(_ROUNDS):
        agreed[: len(sentences)] = (probabilities + (weights * agreed[nearest]).sum(axis=1)) / 2
    return agreed[: len(sentences)]


def choose(
    probabilities: NDArray[np.float32], confidence: float, per_label: int, multi_label: bool = False
) -> Sure:
    """Choose from ``probabilities`` float32[N, I] what is at least ``confidence`` (0 to 1) sure.

    Of each label the ``per_label`` surest. Where several labels may hold, each of a text's labels must be
    sure to hold or sure not to, and they are counted by the set of those that hold.
    """
    if not len(probabilities):
        return Sure(np.empty(0, np.int64), probabilities)
    holds = probabilities > 0.5
    sure = (
        np.maximum(probabilities, 1 - probabilities).min(axis=1) if multi_label else probabilities.max(axis=1)
    )
    keys = [row.tobytes() for row in holds] if multi_label else probabilities.argmax(axis=1).tolist()
    taken: dict[Any, int] = {}
    positions = []
    for position in np.argsort(-sure, kind="stable").tolist():
        if sure[position] < confidence:
            break
        taken[keys[position]] = taken.get(keys[position], 0) + 1
        if taken[keys[position]] <= per_label:
            positions.append(position)
    chosen = np.array(sorted(positions), np.int64)
    return Sure(chosen, (holds.astype(np.float32) if multi_label else probabilities)[chosen])


def self_train(
    examples: ExampleSet, arguments: UnderstandingArguments, folder: Path, fit: Fit, encoder: Any = None
) -> Trained:
    """Train a teacher and, round after round, a student that is the next one's teacher.

    Learns from ``examples.unlabelled``; raises ``ValueError`` where there are none. A teacher that was
    trained before a kill is not trained again. The report gains ``self_training``: how many texts each
    round learned from.
    """
    if not examples.unlabelled:
        raise ValueError(f"{examples.name}: self-training needs texts without labels, and there are none")
    alone = replace(arguments, self_training_rounds=0)
    kept = folder.with_name(f"{folder.name}.teacher-{_digest(examples, alone)}")
    if kept.exists():
        trained = load(kept)
    else:
        trained = fit(examples, alone, kept, encoder=copy.deepcopy(encoder), soft={})
    known = {example.text for example in examples.train}
    texts = [text for text in dict.fromkeys(examples.unlabelled) if text not in known]
    rounds = []
    seconds = float(trained.report.get("seconds", 0.0))
    for number in range(arguments.self_training_rounds):
        said = trained.predict(texts)
        probabilities = said.probabilities
        if arguments.self_training_neighbours:
            labelled_texts = trained.predict([example.text for example in examples.train]).sentences
            known_targets = _one_hot(trained.labels.targets(examples.train), len(trained.labels.intents))
            probabilities = propagate(
                probabilities,
                said.sentences,
                known_targets,
                labelled_texts,
                arguments.self_training_neighbours,
            )
        found = choose(
            probabilities,
            arguments.confidence,
            arguments.self_training_per_label,
            examples.multi_label,
        )
        names = trained.labels.intents
        labelled = [
            Example(
                texts[position],
                language=examples.train[0].language,
                intents=tuple(names[at] for at in _labels(row, examples.multi_label)),
                source=f"{examples.name}: unlabelled text {position + 1}",
            )
            for position, row in zip(found.positions.tolist(), found.targets, strict=True)
        ]
        rounds.append(len(labelled))
        last = number == arguments.self_training_rounds - 1
        trained = fit(
            replace(examples, train=(*examples.train, *labelled)),
            replace(alone, epochs=arguments.self_training_epochs or arguments.epochs),
            folder if last else folder.with_name(f"{folder.name}.round-{number + 1}"),
            encoder=copy.deepcopy(encoder),
            soft={example.text: row for example, row in zip(labelled, found.targets, strict=True)},
        )
        seconds += float(trained.report.get("seconds", 0.0))
    trained.report = {**trained.report, "self_training": rounds, "seconds": round(seconds, 1)}
    processes = PartialState()
    if processes.is_main_process:
        trained.save(folder)
        for spare in (kept, *folder.parent.glob(f"{folder.name}.round-*")):
            shutil.rmtree(spare, ignore_errors=True)
    processes.wait_for_everyone()
    return trained


def _one_hot(targets: NDArray[Any], labels: int) -> NDArray[np.float32]:
    return targets.astype(np.float32) if targets.ndim == 2 else np.eye(labels, dtype=np.float32)[targets]


def _labels(row: NDArray[np.float32], multi_label: bool) -> list[int]:
    return np.flatnonzero(row > 0.5).tolist() if multi_label else [int(row.argmax())]


def _digest(examples: ExampleSet, arguments: UnderstandingArguments) -> str:
    content = (replace(arguments, threads=1), examples.train, examples.validation, examples.unlabelled)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]
