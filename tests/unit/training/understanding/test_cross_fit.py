"""Out-of-fold answers: each by a training that did not see the example, none lost, none done twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.examples import Example, ExampleSet
from training.understanding.arguments import UnderstandingArguments
from training.understanding.cross_fit import cross_fit, folds_of, left_of, set_of
from training.understanding.predict import Trained

ARGUMENTS = UnderstandingArguments()
EXAMPLES = [
    Example(f"{intent} number {number}", language, (intent,))
    for intent in ("refund", "parcel", "out_of_scope")
    for language in ("en", "zh")
    for number in range(12)
]
WHOLE = ExampleSet("kiosk", tuple(EXAMPLES), (), (), ("parcel", "refund"), "out_of_scope")


class Learner:
    """Remembers what it was trained on, and says so: the logit of label 0 is 1 for texts that it saw."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, ...]] = []
        self.fail_at = -1

    def train_one(self, examples: ExampleSet, arguments: UnderstandingArguments, folder: Path) -> Trained:
        if len(self.trained) == self.fail_at:
            raise KeyboardInterrupt
        self.trained.append(tuple(example.text for example in (*examples.train, *examples.validation)))
        folder.mkdir(parents=True, exist_ok=True)
        return cast(Trained, self.trained[-1])

    def ask(self, trained: Trained, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        seen = cast(tuple[str, ...], trained)
        known = np.array([[float(text in seen), len(text), len(self.trained)] for text in texts], np.float32)
        return {"float32": known, "int8": -known}

    def fit(
        self, work: Path, arguments: UnderstandingArguments = ARGUMENTS
    ) -> dict[str, NDArray[np.float32]]:
        folds = folds_of(EXAMPLES, 3, 0)
        return cross_fit(EXAMPLES, WHOLE, arguments, folds, work, self.train_one, self.ask)


def test_nobody_is_judged_by_a_training_that_saw_it(tmp_path: Path) -> None:
    learner = Learner()
    found = learner.fit(tmp_path)
    assert found["float32"].shape == (len(EXAMPLES), 3)
    assert not found["float32"][:, 0].any()
    assert found["float32"][:, 1].tolist() == [len(example.text) for example in EXAMPLES]
    np.testing.assert_array_equal(found["int8"], -found["float32"])
    assert [len(seen) for seen in learner.trained] == [48, 48, 48]
    assert not list(tmp_path.glob("fold_?")), "models of folds are not kept"


def test_a_killed_run_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    expected = Learner().fit(tmp_path / "whole")
    killed = Learner()
    killed.fail_at = 2
    with pytest.raises(KeyboardInterrupt):
        killed.fit(tmp_path / "killed")
    again = Learner()
    found = again.fit(tmp_path / "killed")
    assert len(again.trained) == 1
    np.testing.assert_array_equal(found["float32"][:, :2], expected["float32"][:, :2])


def test_other_arguments_are_trained_anew(tmp_path: Path) -> None:
    Learner().fit(tmp_path)
    same, other = Learner(), Learner()
    same.fit(tmp_path, UnderstandingArguments(threads=1))
    other.fit(tmp_path, UnderstandingArguments(epochs=7))
    assert (len(same.trained), len(other.trained)) == (0, 3)


def test_folds_have_each_intent_and_language_and_keep_equal_texts_together() -> None:
    twice = [*EXAMPLES, *(Example(example.text, "zh", example.intents) for example in EXAMPLES[:10])]
    folds = folds_of(twice, 3, 0)
    assert sorted(np.concatenate(folds).tolist()) == list(range(len(twice)))
    for seen, unseen in left_of(folds):
        assert not {twice[place].text for place in seen} & {twice[place].text for place in unseen}
        strata = [(twice[place].intents, twice[place].language) for place in unseen if place < len(EXAMPLES)]
        assert {strata.count(each) for each in strata} == {4}


@pytest.mark.parametrize("count", [0, 1, 11])
def test_a_number_of_folds_that_makes_no_sense_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="2 to 10"):
        folds_of(EXAMPLES, count, 0)


def test_only_early_stopping_takes_examples_away() -> None:
    everything = set_of(WHOLE, EXAMPLES, ARGUMENTS)
    assert everything.train == WHOLE.train
    watched = set_of(WHOLE, EXAMPLES, UnderstandingArguments(patience=2))
    assert {example.text for example in (*watched.train, *watched.validation)} == {
        example.text for example in EXAMPLES
    }
    assert len(watched.validation) == 8
    assert {example.intents[0] for example in watched.validation} == {"refund", "parcel", "out_of_scope"}
