"""The backend of rerankers: what a pair is worth, whatever stands beside it in a batch."""

import numpy as np
import pytest

from tests.fakes.reranker import WORDS, expected, write_reranker
from training.export.backends.reranker.scorer import PairScorer, runs


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> PairScorer:
    folder = tmp_path_factory.mktemp("version")
    write_reranker(folder)
    return PairScorer(folder, threads=1)


def test_a_pair_is_scored_with_its_prefix(scorer: PairScorer) -> None:
    assert scorer.identity == "words-1@12345678"
    assert scorer.score(["order"], ["parcel 退货"]).tolist() == [expected("order", "parcel 退货")]


def test_each_pair_of_many_is_scored_as_if_alone(scorer: PairScorer) -> None:
    rng = np.random.default_rng(0)
    words = [word for word in WORDS if word != "ask:"] + ["unseen"]
    questions = [" ".join(rng.choice(words, int(count))) for count in rng.integers(1, 4, 300)]
    passages = [" ".join(rng.choice(words, int(count))) for count in rng.integers(1, 5, 300)]

    found = scorer.score(questions, passages)

    wanted = [expected(question, passage) for question, passage in zip(questions, passages, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_pair_beyond_the_window_loses_of_the_longer_text(scorer: PairScorer) -> None:
    (long_passage,) = scorer.score(["order"], ["退货 " * 500])
    (long_question,) = scorer.score(["退货 " * 500], ["order"])

    # [CLS], the prefix and two [SEP] leave 8 of the 12 tokens: the short text's one, and 7.
    assert long_passage == expected("order", "退货 " * 7)
    assert long_question == expected("退货 " * 7, "order")


@pytest.mark.parametrize("lengths", [[5], [5] * 64, [512] * 64, [1, 600, 2, 3000], list(range(1, 65))])
def test_runs_take_each_pair_once_and_stay_small(lengths: list[int]) -> None:
    cut = runs(lengths)

    assert sorted(place for run in cut for place in run) == list(range(len(lengths)))
    assert all(len(run) == 1 or len(run) * max(lengths[p] for p in run) <= 2048 for run in cut)
