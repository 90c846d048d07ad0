"""The losses by hand."""

import math

import pytest

pytest.importorskip("torch", reason="training is not installed: pip install -e '.[training]'")

import torch

from training.fusion import losses


def test_info_nce_of_equal_similarities_is_the_log_of_how_many_there_are() -> None:
    loss = losses.info_nce(torch.zeros(3, 8), torch.eye(3, 8, dtype=torch.bool))
    assert float(loss) == pytest.approx(math.log(8))


def test_info_nce_by_hand() -> None:
    similarities = torch.tensor([[2.0, 0.0], [1.0, 3.0]])
    loss = losses.info_nce(similarities, torch.eye(2, dtype=torch.bool))
    expected = (math.log(1 + math.exp(-2.0)) + math.log(1 + math.exp(-2.0))) / 2
    assert float(loss) == pytest.approx(expected)


def test_one_of_several_positives_is_enough() -> None:
    similarities = torch.tensor([[50.0, 0.0, 0.0]])
    assert float(losses.info_nce(similarities, torch.tensor([[True, True, False]]))) < 1e-6
    both = losses.info_nce(torch.zeros(1, 4), torch.tensor([[True, True, False, False]]))
    assert float(both) == pytest.approx(math.log(2))


def test_what_is_not_allowed_is_no_candidate() -> None:
    similarities = torch.tensor([[1.0, 99.0, 1.0]])
    allowed = torch.tensor([[True, False, True]])
    loss = losses.info_nce(similarities, torch.tensor([[True, True, False]]), allowed)
    assert float(loss) == pytest.approx(math.log(2))


def test_rows_without_a_positive_are_left_out() -> None:
    similarities = torch.tensor([[0.0, 0.0], [7.0, -7.0]], requires_grad=True)
    loss = losses.info_nce(similarities, torch.tensor([[True, False], [False, False]]))
    assert float(loss.detach()) == pytest.approx(math.log(2))
    loss.backward()
    assert similarities.grad is not None
    assert torch.isfinite(similarities.grad).all()
    assert similarities.grad[1].abs().sum() == 0
    assert float(losses.info_nce(torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.bool))) == 0.0


def test_spread_is_least_when_the_shares_are_met() -> None:
    targets = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    allowed = torch.tensor([[True, True, False], [True, True, True]])
    even = losses.spread(torch.tensor([[3.0, 3.0, 9.0], [1.0, 2.0, 3.0]]), targets, allowed)
    uneven = losses.spread(torch.tensor([[9.0, 3.0, 3.0], [1.0, 2.0, 3.0]]), targets, allowed)
    assert float(even) == pytest.approx(math.log(2))
    assert float(uneven) > float(even) + 1.0


def test_labels_that_are_not_told_teach_nothing() -> None:
    logits = torch.tensor([[0.0, 0.0], [5.0, -5.0]])
    assert float(losses.labels(logits, torch.tensor([0, -1]))) == pytest.approx(math.log(2))
    assert float(losses.labels(logits, torch.tensor([-1, -1]))) == 0.0


def test_only_hidden_frames_are_counted() -> None:
    frames = torch.tensor([[[1.0, 1.0], [5.0, 5.0]]])
    hidden = torch.tensor([[True, False]])
    assert float(losses.reconstruction(torch.zeros(1, 2, 2), frames, hidden)) == 1.0
    assert float(losses.reconstruction(torch.zeros(1, 2, 2), frames, ~hidden & False)) == 0.0
