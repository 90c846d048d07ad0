"""Rankings and their fusion."""

import numpy as np
import pytest

from services.dialogue.retrieval import Scores, SearchPassage, ranking, reciprocal_rank_fusion, search


def scores(cosine: list[float], bm25: list[float]) -> Scores:
    passages = [SearchPassage(f"p{n}", "en", f"Title {n}", "Text.", "", "v") for n in range(len(cosine))]
    positions = {passage.id: place for place, passage in enumerate(passages)}
    return Scores(passages, positions, np.array(cosine, np.float32), np.array(bm25, np.float32))


def test_fusion_sums_reciprocal_ranks() -> None:
    fused = reciprocal_rank_fusion([["a", "b"], ["b", "c"]], rank_constant=60)  # type: ignore[list-item]

    assert fused == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})


def test_ranking_is_best_first_and_ties_keep_their_order() -> None:
    assert ranking(np.array([0.1, 0.9, 0.5, 0.9], np.float32)) == [1, 3, 2, 0]
    assert ranking(np.array([0.0, 2.0, 1.0], np.float32), depth=2, above=0.0) == [1, 2]
    assert ranking(np.array([0.0, 0.0], np.float32), above=0.0) == []
    assert ranking(np.array([], np.float32)) == []


def test_depth_keeps_the_best() -> None:
    values = np.random.default_rng(1).random(1000).astype(np.float32)
    assert ranking(values, depth=10) == list(np.argsort(-values)[:10])


def test_search_prefers_what_both_rankings_like() -> None:
    found = search(scores([0.9, 0.85, 0.2], [0.0, 4.0, 3.0]), top_k=2)

    assert [hit.passage.id for hit in found] == ["p1", "p2"]
    assert found[0].cosine == pytest.approx(0.85)
    assert found[0].bm25 == pytest.approx(4.0)
    assert found[0].score == pytest.approx(1 / 62 + 1 / 61)


def test_ties_go_to_the_higher_cosine() -> None:
    assert [hit.passage.id for hit in search(scores([0.4, 0.6], [2.0, 1.0]), 2)] == ["p1", "p0"]
