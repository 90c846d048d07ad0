"""All that is told of a model of texts on one split: reads from top to bottom in ``evaluate``.

Whatever has to be chosen (from which probability on a label holds, or a text is in scope;
a temperature) is chosen on validation, or was by the model; the split itself chooses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from training.data.examples import DataError, Example, ExampleSet
from training.evaluate import calibration, classification, out_of_scope
from training.evaluate.answers import Answers, Asked, Floats, names
from training.evaluate.calibration import Bin

_SEVERAL_FROM: Final = 0.5
_CANDIDATES: Final = np.round(np.arange(0.05, 0.96, 0.05), 2)


@dataclass(frozen=True, slots=True)
class Choices:
    """What an evaluation may be told."""

    in_scope_cost: float = out_of_scope.IN_SCOPE_COST
    """Share of validation's in-scope utterances that the out-of-scope threshold may lose."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``figures`` for JSON; the rest is for pictures.

    ``matrix`` int64[labels, labels] counts what is right (rows) by what was predicted; None
    where several labels may hold. ``calibrated`` is the curve behind the temperature.
    """

    figures: dict[str, Any]
    labels: tuple[str, ...]
    matrix: NDArray[np.int64] | None
    curve: list[Bin]
    calibrated: list[Bin] | None


def evaluate(examples: ExampleSet, split: str, model: Asked, choices: Choices | None = None) -> Evaluation:
    """Judge a model on a split.

    Raises:
        DataError: the split is empty, or an example of it has no intent where it needs one.
    """
    choices = choices or Choices()
    judged = labelled(examples, split)
    answers = model.ask([example.text for example in judged])
    validation = () if model.saw_validation else examples.validation
    seen = model.ask([example.text for example in validation])
    judge = _several if examples.multi_label else _single
    found = judge(examples, judged, answers, model, validation, seen, choices)
    found.figures["examples"] = len(judged)
    if split == "validation" and validation:
        found.figures["chosen_on"] = "this very split: figures of another are lower"
    languages = sorted({example.language for example in judged})
    if examples.slot_names:
        found.figures["slots"] = classification.slots(
            [e.slots for e in judged], answers.slots or [()] * len(judged)
        )
    found.figures["languages"] = languages
    return found


def labelled(examples: ExampleSet, split: str) -> Sequence[Example]:
    """Give a split that can be judged. Raises ``DataError`` saying what it lacks."""
    chosen = examples.split(split)
    if not chosen:
        raise DataError(f"{examples.name}: the {split} split is empty: there is nothing to judge a model on")
    for example in chosen:
        if not examples.multi_label and len(example.intents) != 1:
            raise DataError(f"{example.source}: has {len(example.intents)} intents instead of one")
    return chosen


def _single(
    examples: ExampleSet,
    judged: Sequence[Example],
    answers: Answers,
    model: Asked,
    validation: Sequence[Example],
    seen: Answers,
    choices: Choices,
) -> Evaluation:
    columns = names(examples)
    right = [example.intents[0] for example in judged]
    inside = np.array([label != examples.out_of_scope for label in right])
    best = _best(examples, answers)
    figures: dict[str, Any] = {}

    # What is none of the intents, by one threshold.
    threshold = model.in_scope_from
    if examples.out_of_scope is not None:
        if threshold is None:
            threshold = scope_threshold(examples, validation, seen, choices)
        scores = scope(examples, answers)
        truth = np.array(best) == np.array(right)
        figures["out_of_scope"] = out_of_scope.figures(
            scores[inside], truth[inside], scores[~inside], threshold
        )
        kinds = [kind_of(example) for example, known in zip(judged, inside, strict=True) if not known]
        if len(set(kinds)) > 1:
            recalls = out_of_scope.recall_by_kind(scores[~inside], kinds, threshold)
            figures["out_of_scope"]["recall_by_kind"] = recalls
        best = [
            label if score >= threshold else examples.out_of_scope
            for label, score in zip(best, scores, strict=True)
        ]
    told = classification.single_label(right, best)
    if examples.out_of_scope is not None:
        # As the literature has it: of in-scope utterances, a rejected one being wrong.
        figures["accuracy_of_all"] = told["accuracy"]
        told["accuracy"] = figures["out_of_scope"]["in_scope_accuracy"]
    languages = sorted({example.language for example in judged})
    if len(languages) > 1:
        figures["accuracy_by_language"] = {
            language: _share(
                a == b for a, b, e in zip(best, right, judged, strict=True) if e.language == language
            )
            for language in languages
        }

    # How far the probabilities can be believed, as they are and behind a temperature.
    known = np.array([label in columns for label in right])
    curve, calibrated, believed = _believed(answers.probabilities, right, known, columns, seen, validation)
    occurring = tuple(sorted({*right, *best}))
    matrix = classification.confusion(occurring, right, best)
    return Evaluation({**told, **figures, "calibration": believed}, occurring, matrix, curve, calibrated)


def _several(
    examples: ExampleSet,
    judged: Sequence[Example],
    answers: Answers,
    model: Asked,
    validation: Sequence[Example],
    seen: Answers,
    choices: Choices,
) -> Evaluation:
    columns = names(examples)
    level = model.several_from
    if level is None:
        level = _several_from(columns, validation, seen)
    said = [
        [name for name, holds in zip(columns, row, strict=True) if holds]
        for row in answers.probabilities >= level
    ]
    told = classification.multi_label(columns, [set(example.intents) for example in judged], said)
    truth = _truth(columns, judged).ravel()
    flat = answers.probabilities.ravel()
    curve = calibration.reliability(flat, truth)
    believed = {
        "of": "each label of each example",
        "error": round(calibration.calibration_error(flat, truth), 4),
        "brier": round(float(((answers.probabilities - _truth(columns, judged)) ** 2).sum(axis=1).mean()), 4),
        "curve": calibration.told(curve),
    }
    return Evaluation({**told, "several_from": level, "calibration": believed}, columns, None, curve, None)


def scope_threshold(
    examples: ExampleSet, validation: Sequence[Example], seen: Answers, choices: Choices
) -> float:
    """Choose on validation from which ``in_scope`` on a text is answered.

    Raises:
        DataError: there is no validation split to choose it on.
    """
    inside = [row for row, e in enumerate(validation) if e.intents and e.intents[0] != examples.out_of_scope]
    if not inside:
        why = "was learned from" if examples.validation else "is empty"
        raise DataError(f"{examples.name}: the validation split {why}: no threshold can be chosen on it")
    right = np.array([validation[row].intents[0] for row in inside])
    best = np.array(_best(examples, seen))[inside]
    return out_of_scope.choose_threshold(scope(examples, seen)[inside], best == right, choices.in_scope_cost)


def scope(examples: ExampleSet, answers: Answers) -> Floats:
    """Give how surely each text has a known intent, float[n]."""
    if answers.in_scope is not None:
        return answers.in_scope
    highest: Floats = answers.probabilities[:, : len(examples.labels)].max(axis=1)
    return highest


def _best(examples: ExampleSet, answers: Answers) -> list[str]:
    """Give each text's most probable intent, whether or not it is in scope."""
    columns = answers.probabilities[:, : len(examples.labels)]
    return [examples.labels[int(place)] for place in columns.argmax(axis=1)]


def kind_of(example: Example) -> str:
    """Give which kind of out-of-scope text it is: the folder and file that it came from."""
    file = example.source.rpartition(":")[0]
    return "/".join(file.split("/")[-3:-1])


def _believed(
    probabilities: Floats,
    right: Sequence[str],
    known: NDArray[np.bool_],
    columns: Sequence[str],
    seen: Answers,
    validation: Sequence[Example],
) -> tuple[list[Bin], list[Bin] | None, dict[str, Any]]:
    targets = np.array([columns.index(label) for label in right if label in columns])
    rows = probabilities[known]
    curve, figures = _curve(rows, targets)
    told: dict[str, Any] = {"of": "the most probable label", **figures}
    learned = [row for row, e in enumerate(validation) if e.intents and e.intents[0] in columns]
    if not learned:
        return curve, None, told
    wanted = np.array([columns.index(validation[row].intents[0]) for row in learned])
    temperature = calibration.fit_temperature(calibration.logits_of(seen.probabilities[learned]), wanted)
    after, figures = _curve(calibration.sharpened(rows, temperature), targets)
    told["with_temperature"] = {"temperature": round(temperature, 4), **figures}
    return curve, after, told


def _curve(rows: Floats, targets: NDArray[np.int64]) -> tuple[list[Bin], dict[str, Any]]:
    confidence, right = rows.max(axis=1), rows.argmax(axis=1) == targets
    curve = calibration.reliability(confidence, right)
    return curve, {
        "error": round(calibration.calibration_error(confidence, right), 4),
        "brier": round(calibration.brier(rows, targets), 4),
        "curve": calibration.told(curve),
    }


def _several_from(columns: Sequence[str], validation: Sequence[Example], seen: Answers) -> float:
    """Choose the level of the best micro-F1 on validation; one half where there is none."""
    if not validation:
        return _SEVERAL_FROM
    truth = _truth(columns, validation)
    scores = [
        f1_score(truth, seen.probabilities >= level, average="micro", zero_division=0)
        for level in _CANDIDATES
    ]
    return float(_CANDIDATES[int(np.argmax(scores))])


def _truth(columns: Sequence[str], judged: Sequence[Example]) -> NDArray[np.bool_]:
    return np.array([[name in example.intents for name in columns] for example in judged])


def _share(values: Any) -> float:
    return round(float(np.mean(list(values))), 4)
