"""Attribution by occlusion, on models whose explanation is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.training.explain.linear import LinearSubject
from training.explain.attribution import ExplainError, attribute


def sigmoid(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-value)))


def test_a_part_adds_what_is_lost_without_it() -> None:
    subject = LinearSubject([2.0, -0.5, 0.0])

    found = attribute(subject)

    assert found.label == 1
    assert found.probability == pytest.approx(sigmoid(1.5))
    assert found.contributions == pytest.approx(
        [sigmoid(1.5) - sigmoid(-0.5), sigmoid(1.5) - sigmoid(2.0), 0.0]
    )
    assert found.strongest_first() == [0, 2, 1]
    assert subject.calls == 1


def test_another_label_than_the_predicted_one_can_be_asked_about() -> None:
    found = attribute(LinearSubject([2.0, -0.5]), label=0)

    assert found.probability == pytest.approx(1 - sigmoid(1.5))
    assert found.contributions[0] < 0 < found.contributions[1]


class Answering(LinearSubject):
    """Answers with an array of the test's."""

    def __init__(self, parts: int, answer: NDArray[np.float64]) -> None:
        super().__init__([1.0] * parts)
        self.answer = answer

    def probabilities(self, hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
        return self.answer


@pytest.mark.parametrize(
    ("parts", "answer", "said"),
    [
        (0, np.ones((1, 2)), "nothing to leave out"),
        (2, np.ones((2, 2)), r"shape \(2, 2\) for 3 inputs"),
        (2, np.ones(3), r"shape \(3,\)"),
        (1, np.array([[0.5, np.nan], [0.5, 0.5]]), "no number"),
    ],
)
def test_what_is_no_answer_is_refused(parts: int, answer: NDArray[np.float64], said: str) -> None:
    with pytest.raises(ExplainError, match=said):
        attribute(Answering(parts, answer))


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ExplainError, match="label 2 is not among the model's 2"):
        attribute(LinearSubject([1.0]), label=2)
