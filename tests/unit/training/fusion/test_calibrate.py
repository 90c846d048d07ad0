"""Weights and thresholds from cases whose right answer is plain."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from services.dialogue.fused import RankingWeights
from training.fusion import calibrate
from training.fusion.calibrate import _Weighed


def weighed(evidence: list[list[float]], right: list[float]) -> _Weighed:
    case = SimpleNamespace(right=np.array(right))
    four = [[*row, 0.0][:4] for row in evidence]
    return _Weighed(cast(calibrate.Case, case), np.array(four), np.zeros(2, np.float32))


def test_evidence_that_tells_counts_more_than_evidence_that_misleads() -> None:
    cases = [
        weighed([[0.9, 0.2, 1.0], [0.1, 0.8, 0.0]], [1.0, 0.0]),
        weighed([[0.1, 0.9, 0.0], [0.8, 0.3, 1.0]], [0.0, 1.0]),
    ]
    prior = RankingWeights(3.0, 3.0, 3.0)
    found = calibrate._fit_ranking(cases, prior)
    assert found.joint > found.cosine
    assert found.bm25 > found.cosine
    assert found.cosine < prior.cosine


def test_a_passage_of_the_picture_gains_as_far_as_words_that_are_enough_allow() -> None:
    needs = weighed([[0.1, 0.0, 0.0, 1.0], [0.2, 0.0, 0.0, 0.0]], [1.0, 0.0])
    enough = weighed([[0.1, 0.0, 0.0, 1.0], [0.6, 0.0, 0.0, 0.0]], [0.0, 1.0])
    prior = RankingWeights(14.0, 0.0, 0.0, 2.0)
    alone = calibrate._fit_ranking([needs] * 4, prior)
    both = calibrate._fit_ranking([*[needs] * 4, enough], prior)
    assert alone.picture > prior.picture
    assert both.picture / both.joint < alone.picture / alone.joint
    for case in (needs, enough):
        assert calibrate._judge(case, both)[1] == 1.0


def test_weights_stay_finite_when_everything_is_told_apart() -> None:
    cases = [weighed([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], [1.0, 0.0])] * 5
    assert calibrate._fit_ranking(cases, RankingWeights(14.0, 0.0, 0.5)).joint < 100.0


def test_what_cannot_be_used_stays_without_weight() -> None:
    cases = [weighed([[0.5, 1.0, 0.0], [0.4, 0.0, 0.0]], [1.0, 0.0])]
    assert calibrate._fit_ranking(cases, RankingWeights(14.0, 0.0, 0.5)).cosine == 0.0


def test_without_cases_the_prior_stands() -> None:
    prior = RankingWeights(14.0, 2.0, 0.5)
    assert calibrate._fit_ranking([], prior) == prior


def test_several_passages_that_fit_alike_come_out_alike() -> None:
    cases = [weighed([[0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]], [0.5, 0.5, 0.0])]
    sure, right, options = calibrate._judge(cases[0], RankingWeights(14.0, 0.0, 0.5))
    assert sure == pytest.approx(0.5, abs=1e-3)
    assert right == 0.5
    assert options == 1.0


def test_options_are_asked_about_from_where_they_hold_the_right_one_half_the_time() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1])
    among = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    assert calibrate._even(confidence, among, np.ones(8)) == pytest.approx(0.5, abs=0.05)
    assert calibrate._even(confidence, 0.9 * among + 0.05, np.ones(8)) == pytest.approx(0.5, abs=0.1)
    rare = np.array([1.0, 1.0, 1.0, 1.0, 0.01, 0.01, 0.01, 0.01])
    assert calibrate._even(confidence, among, rare) < 0.4


def test_the_threshold_is_the_lowest_with_enough_precision() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([1.0, 1.0, 0.0, 1.0])
    even = np.ones(4)
    assert calibrate._lowest(confidence, right, even, 0.95) == pytest.approx(0.75)
    assert calibrate._lowest(confidence, right, even, 0.75) == pytest.approx(0.3)
    assert calibrate._lowest(confidence, np.zeros(4), even, 0.5) == 1.0
    # A wrong one that hardly ever happens does not count.
    assert calibrate._lowest(confidence, right, np.array([1, 1, 0.01, 1]), 0.95) == pytest.approx(0.3)
