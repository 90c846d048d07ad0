"""Rankings and their fusion."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.dialogue.knowledge.index import IndexedPassage, KnowledgeIndex
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.passage_vectors import passage_vectors, vector_key
from services.dialogue.retrieval import (
    BM25_WEIGHT,
    RANK_CONSTANT,
    Scores,
    SearchPassage,
    ranking,
    reciprocal_rank_fusion,
    search,
)


def scores(cosine: list[float], bm25: list[float]) -> Scores:
    passages = [SearchPassage(f"p{n}", "en", f"Title {n}", "Text.", "", "v") for n in range(len(cosine))]
    positions = {passage.id: place for place, passage in enumerate(passages)}
    return Scores(passages, positions, np.array(cosine, np.float32), np.array(bm25, np.float32))


def test_fusion_sums_weighted_reciprocal_ranks() -> None:
    fused = reciprocal_rank_fusion([(1.0, [7, 8]), (0.5, [8, 9])], rank_constant=60)

    assert fused == pytest.approx({7: 1 / 61, 8: 1 / 62 + 0.5 / 61, 9: 0.5 / 62})


def test_ranking_is_best_first_and_ties_keep_their_order() -> None:
    assert ranking(np.array([0.1, 0.9, 0.5, 0.9], np.float32)) == [1, 3, 2, 0]
    assert ranking(np.array([0.0, 2.0, 1.0], np.float32), depth=2, above=0.0) == [1, 2]
    assert ranking(np.array([0.0, 0.0], np.float32), above=0.0) == []
    assert ranking(np.array([], np.float32)) == []


def test_depth_keeps_the_best() -> None:
    values = np.random.default_rng(1).random(1000).astype(np.float32)
    assert ranking(values, depth=10) == list(np.argsort(-values)[:10])


def test_search_prefers_what_both_rankings_like() -> None:
    found = search(scores([0.9, 0.2, 0.88, 0.1], [0.0, 0.0, 4.0, 3.0]), top_k=2)

    assert [hit.passage.id for hit in found] == ["p2", "p0"]
    assert found[0].cosine == pytest.approx(0.88)
    assert found[0].bm25 == pytest.approx(4.0)
    assert found[0].score == pytest.approx(1 / (RANK_CONSTANT + 2) + BM25_WEIGHT / (RANK_CONSTANT + 1))


def test_the_vectors_count_more_than_the_words() -> None:
    assert search(scores([0.9, 0.5], [1.0, 9.0]), 1)[0].passage.id == "p0"


@pytest.mark.parametrize(
    ("question", "code"), [("what does PAY-402 mean", "PAY-402"), ("is the Hearth R2 any good", "Hearth R2")]
)
def test_a_code_is_found_by_its_words_where_vectors_do_not_know_it(question: str, code: str) -> None:
    words = WordSplitter()
    texts = [f"Number {n} speaks of other things." for n in range(30)]
    texts[20] = f"About {code}. {texts[20]}"
    entries = [
        # The code's passage is the twelfth by cosine.
        IndexedPassage(
            SearchPassage(f"p{n}", "en", "Title", text, "", "v"),
            unit(0.8 if n == 20 else 0.9 - 0.001 * n if n < 11 else 0.5),
            words.split(text, "en"),
            b"",
        )
        for n, text in enumerate(texts)
    ]
    found = KnowledgeIndex.build("letters@1", entries).score("en", unit(1.0), words.split(question, "en"))
    assert found is not None
    assert int(found.bm25.argmax()) == 20
    assert ranking(found.cosine).index(20) == 11
    assert "p20" in [hit.passage.id for hit in search(found, 5)]


def unit(cosine: float) -> NDArray[np.float32]:
    return np.array([cosine, np.sqrt(1.0 - cosine**2)], np.float32)


def test_a_passages_vector_stands_between_its_texts_and_its_titles() -> None:
    texts, titles = np.stack([unit(1.0), unit(0.6)]), np.stack([unit(0.0), unit(0.6)])

    joined = passage_vectors(texts, titles)

    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(joined[0], [np.sqrt(0.5), np.sqrt(0.5)], rtol=1e-6)
    np.testing.assert_allclose(joined[1], unit(0.6), rtol=1e-6)
    assert vector_key("Title", "text") != vector_key("Titl", "e\0text")


def test_ties_go_to_the_higher_cosine() -> None:
    assert [hit.passage.id for hit in search(scores([0.4, 0.6], [0.0, 0.0]), 2)] == ["p1", "p0"]
