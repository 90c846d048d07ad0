"""What is found, drawn and judged."""

import numpy as np
import pytest

from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.retrieval import SearchPassage
from tests.unit.training.reranker.small import HashEncoder, corpus
from training.data.examples import DataError
from training.reranker.arguments import RerankerArguments
from training.reranker.batches import Batches
from training.reranker.data import Corpus, Question
from training.reranker.evaluate import Figures, compared, figures, reranked
from training.reranker.retrieval import Retrieval


def test_rankings_are_judged_as_their_definitions_say() -> None:
    ranked = [(4, 2), (1, 2, 3), (9,), tuple(range(20, 35))]
    answers = [frozenset({4}), frozenset({3, 2}), frozenset({1}), frozenset({31})]

    found = figures(ranked, answers)

    # Ranks 1, 2, none, and 12, which is below the tenth.
    assert found == Figures(mrr=0.375, recall_at_1=0.25, recall_at_10=0.5)


def test_reranking_orders_the_best_ten_by_score_and_adds_none() -> None:
    small = corpus()
    found = Retrieval(small, HashEncoder(), WordSplitter())(small.of("test"), 5)
    right = {question.text: question.answers for question in small.questions}
    texts = [passage.text for passage in small.passages]

    def knows(questions: object, passages: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        pairs = zip(questions, passages, strict=True)  # type: ignore[call-overload]
        return np.array([float(texts.index(p) in right[q]) for q, p in pairs], np.float32)

    ordered = reranked(small, found, knows)

    for each, places in zip(found, ordered, strict=True):
        assert sorted(places) == sorted(each.ranked["search"])
        assert not set(places) & each.question.answers or places[0] in each.question.answers
    told = compared(small, found, knows)
    assert told["reranked"].recall_at_1 == told["search"].recall_at_10 > told["search"].recall_at_1
    assert set(compared(small, found, None)) == {"bm25", "embedding", "search"}


def test_a_batch_has_each_right_passage_first_and_no_right_one_behind() -> None:
    small = corpus()
    found = Retrieval(small, HashEncoder(), WordSplitter())(small.of("train"), 8)
    arguments = RerankerArguments(questions_per_step=7, negatives=3)
    batches = Batches([(small, found)], arguments)
    right = {question.text: small.passages[min(question.answers)].text for question in small.questions}

    asked: list[str] = []
    for step in range(20):
        batch = batches.batch(step)
        assert len(batch.passages) == 28
        for start in range(0, 28, 4):
            (question,) = set(batch.questions[start : start + 4])
            assert batch.passages[start] == right[question]
            assert right[question] not in batch.passages[start + 1 : start + 4]
            asked.append(question)
    everything = sorted(each.question.text for each in found)
    assert sorted(asked[: len(found)]) == everything
    assert batches.batch(3) == Batches([(small, found)], arguments).batch(3)


def test_what_has_no_wrong_passage_or_no_question_cannot_be_trained_on() -> None:
    passage = SearchPassage("only", "en", "", "one passage", "", "v")
    lonely = Corpus("lonely", (passage,), (Question("what", "en", frozenset({0}), "train"),))
    found = Retrieval(lonely, HashEncoder(), WordSplitter())(lonely.of("train"), 5)

    with pytest.raises(DataError, match="lonely: every passage in en answers the same question"):
        Batches([(lonely, found)], RerankerArguments())
    with pytest.raises(DataError, match="lonely: there are no training questions"):
        Batches([(lonely, [])], RerankerArguments())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"step": "3"}, "no such argument: step"),
        ({"steps": "many"}, "steps is 'many': it must be a int"),
        ({"steps": "0"}, "steps is 0: it must be above 0"),
        ({"hard": "2"}, "hard is 2.0: it must lie between 0 and 1"),
        ({"loss": "hinge"}, "name listwise or binary"),
    ],
)
def test_bad_arguments_are_named(values: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RerankerArguments.of(values)


def test_arguments_are_read_as_typed() -> None:
    found = RerankerArguments.of({"learning_rate": "5e-5", "freeze_embeddings": "false", "encoder": "x"})

    assert (found.learning_rate, found.freeze_embeddings, found.encoder) == (5e-5, False, "x")
