"""The reranker's own work: order, batches, deadlines, and which model it was."""

import numpy as np
import pytest

from services.inference.port import Tensors
from services.serving.errors import DeadlineExceeded, FailedPrecondition, Unavailable
from services.text.model import RERANKER, TEXT_ENCODER
from services.text.reranker import Reranker
from tests.fakes.inference import FakeInference
from tests.fakes.text import RERANKER_IDENTITY, encode, score


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_many_passages_are_scored_in_order_in_batches_that_leave_room_for_others() -> None:
    inference = FakeInference({RERANKER.name: score})
    passages = [" ".join(["a", "b", "c"][: place % 4]) or "x" for place in range(40)]

    found = await Reranker(inference).rerank("a b c", passages, timeout_seconds=1)

    assert found.scores == [place % 4 for place in range(40)]
    assert found.model == RERANKER_IDENTITY
    assert [len(inputs["passage"]) for _, inputs in inference.calls] == [16, 16, 8]


async def test_mandarin_reaches_the_model_as_it_is() -> None:
    inference = FakeInference({RERANKER.name: score})

    assert (await Reranker(inference).rerank("订单 在哪", ["订单 晚"], timeout_seconds=1)).scores == [1.0]


async def test_no_inference_begins_after_the_deadline() -> None:
    clock = Clock()

    def slow(inputs: Tensors) -> Tensors:
        clock.now += 0.6
        return score(inputs)

    inference = FakeInference({RERANKER.name: slow})

    with pytest.raises(DeadlineExceeded):
        await Reranker(inference, clock).rerank("a", ["b"] * 48, timeout_seconds=1.0)
    assert len(inference.calls) == 2


async def test_scores_of_two_models_are_never_given_together() -> None:
    served = iter([b"first@1", b"second@1"])

    def replaced(inputs: Tensors) -> Tensors:
        model = np.full((len(inputs["passage"]), 1), next(served), np.object_)
        return {"score": score(inputs)["score"], "model": model}

    with pytest.raises(Unavailable) as caught:
        await Reranker(FakeInference({RERANKER.name: replaced})).rerank("a", ["b"] * 17, timeout_seconds=1)
    assert caught.value.reason == "RERANKER_CHANGED"


async def test_a_repository_without_a_reranker_is_told_from_a_triton_that_is_away() -> None:
    without = FakeInference({TEXT_ENCODER.name: encode})
    with pytest.raises(FailedPrecondition) as missing:
        await Reranker(without).rerank("a", ["b"], timeout_seconds=1)
    assert missing.value.reason == "RERANKER_MISSING"

    without.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "away")
    with pytest.raises(Unavailable):
        await Reranker(without).rerank("a", ["b"], timeout_seconds=1)
