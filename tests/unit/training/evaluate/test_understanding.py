"""A whole evaluation, of models whose answers are written down here."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from training.data.examples import DataError, Example, ExampleSet, Slot
from training.evaluate import baseline
from training.evaluate.answers import Answers, Asked, names
from training.evaluate.understanding import evaluate


def examples(**texts: Sequence[tuple[str, str]]) -> ExampleSet:
    splits = {
        split: tuple(
            Example(text, intents=(label,), source=f"set.jsonl:{n}")
            for n, (text, label) in enumerate(rows, 1)
        )
        for split, rows in texts.items()
    }
    train, validation, test = (splits.get(split, ()) for split in ("train", "validation", "test"))
    return ExampleSet("small", train, validation, test, labels=("a", "b"), out_of_scope="none")


def model(rows: Mapping[str, Sequence[float]]) -> Asked:
    return Asked(lambda texts: Answers(np.array([rows[text] for text in texts]).reshape(len(texts), 3)))


ROWS = {
    "sure a": (0.9, 0.05, 0.05),
    "sure b": (0.1, 0.85, 0.05),
    "perhaps a": (0.5, 0.2, 0.3),
    "weather": (0.3, 0.2, 0.5),
    "football": (0.1, 0.6, 0.3),
}


def test_one_threshold_of_validation_decides_what_is_in_scope() -> None:
    data = examples(
        validation=[("sure a", "a"), ("perhaps a", "a")],
        test=[
            ("sure a", "a"),
            ("sure b", "b"),
            ("perhaps a", "b"),
            ("weather", "none"),
            ("football", "none"),
        ],
    )
    figures = evaluate(data, "test", model(ROWS)).figures
    scope = figures["out_of_scope"]
    assert scope["threshold"] == 0.5  # nothing of validation may be lost
    assert figures["accuracy"] == scope["in_scope_accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert scope["out_of_scope_recall"] == 0.5
    assert figures["accuracy_of_all"] == 0.6


def test_a_model_may_bring_its_own_threshold() -> None:
    data = examples(
        validation=[("perhaps a", "a")], test=[("sure a", "a"), ("sure b", "b"), ("football", "none")]
    )
    own = Asked(model(ROWS).ask, in_scope_from=0.7)
    assert evaluate(data, "test", own).figures["out_of_scope"]["out_of_scope_recall"] == 1.0


def test_nothing_is_chosen_on_what_was_learned_from() -> None:
    data = examples(validation=[("sure a", "a")], test=[("sure a", "a")])
    with pytest.raises(DataError, match="validation split was learned from"):
        evaluate(data, "test", Asked(model(ROWS).ask, saw_validation=True))


def test_an_empty_split_is_named() -> None:
    with pytest.raises(DataError, match="small: the test split is empty"):
        evaluate(examples(validation=[("sure a", "a")]), "test", model(ROWS))


def test_the_matrix_and_the_curves_belong_to_the_figures() -> None:
    data = examples(
        validation=[("perhaps a", "a")], test=[("sure a", "a"), ("sure b", "b"), ("weather", "none")]
    )
    found = evaluate(data, "test", model(ROWS))
    assert found.labels == ("a", "b", "none")
    assert found.matrix is not None
    assert found.matrix.trace() == 3
    assert found.calibrated is not None
    # 0.9, 0.85 and 0.5, all right: the confidence is too low by 0.25 on average.
    assert found.figures["calibration"]["error"] == pytest.approx(0.25)


def test_several_labels_hold_from_where_validation_is_best() -> None:
    rows = {"x": (0.3, 0.1), "y": (0.35, 0.8), "z": (0.1, 0.05)}
    validation = (Example("x", intents=("a",)), Example("y", intents=("a", "b")))
    test = (Example("y", intents=("a", "b")), Example("z", intents=()))
    data = ExampleSet("several", (), validation, test, labels=("a", "b"), multi_label=True)
    asked = Asked(lambda texts: Answers(np.array([rows[text] for text in texts])))
    found = evaluate(data, "test", asked)
    assert 0.1 < found.figures["several_from"] <= 0.3
    assert found.figures["exact_match"] == 1.0
    assert found.matrix is None


def test_slots_are_judged_where_the_set_has_them() -> None:
    right = Slot("city", 0, 4)
    data = ExampleSet(
        "slots", (), (Example("Oslo", intents=("a",)),), (Example("Oslo", intents=("a",), slots=(right,)),),
        labels=("a", "b"), slot_names=("city",),
    )  # fmt: skip
    asked = Asked(lambda texts: Answers(np.array([[0.9, 0.1]] * len(texts)), [(right,)] * len(texts)))
    assert evaluate(data, "test", asked).figures["slots"]["f1"] == 1.0


TRAIN = [
    ("my card is lost", "a"),
    ("lost my card", "a"),
    ("send money home", "b"),
    ("send the money", "b"),
] * 3


def test_the_baseline_learns_words() -> None:
    unseen = [("the card was lost", "a"), ("money to send", "b")]
    data = examples(train=TRAIN, validation=unseen, test=unseen)
    asked = baseline.fit(data)
    probabilities = asked.ask(["the card was lost", "money to send"]).probabilities
    assert probabilities.shape == (2, len(names(data)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert evaluate(data, "test", asked).figures["accuracy"] == 1.0


def test_the_baseline_refuses_one_class() -> None:
    with pytest.raises(DataError, match="small: the train split has 1 intent"):
        baseline.fit(examples(train=[("x y", "a")]))


def test_the_baseline_refuses_an_empty_train_split() -> None:
    with pytest.raises(DataError, match="small: the train split has no labelled text"):
        baseline.fit(examples())
