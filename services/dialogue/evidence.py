"""What speaks for each possible answer, and how sure that makes us. Pure.

Training fits the calibrators on these features and serving applies them, both
by this code.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.dialogue.domain.types import OUT_OF_SCOPE, Intent
from services.dialogue.retrieval import Hit, Scores, fuse, hit, ranking, search

OPTIONS = 5

PROBABILITY_FLOOR = 1e-4

LEAST_LEAD = -8.0
"""Leads are told apart from here to 0."""

NEIGHBOURS = 10
"""Passages that the best one's cosine is compared with."""


class AnswerKind(StrEnum):
    """What kind of evidence an answer rests on; each has a calibrator of its own."""

    INTENT = "intent"
    """An intent that a template or a person answers: the understanding alone."""
    INTENT_PASSAGE = "intent_passage"
    """A passage of a known intent: understanding and retrieval."""
    PASSAGE = "passage"
    """A passage by retrieval alone, such as one of the company's own documents."""


FEATURES: Mapping[AnswerKind, tuple[str, ...]] = {
    AnswerKind.INTENT: ("intent_logit", "intent_margin", "out_of_scope_logit"),
    AnswerKind.INTENT_PASSAGE: (
        "intent_logit",
        "intent_margin",
        "out_of_scope_logit",
        "cosine",
        "cosine_lead",
        "bm25_share",
        "agreement",
        "mandarin",
        "posterior_logit",
        "rival_logit",
        "lead",
    ),
    AnswerKind.PASSAGE: ("cosine", "cosine_lead", "bm25_share", "agreement", "mandarin"),
}


@dataclass(frozen=True, slots=True)
class IntentProbability:
    """A label of the intent model with its probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class RankWeights:
    """What evidence for a passage counts: log P(its intents), cosine, BM25 as a share of the best.

    ``sibling_cosine`` and ``sibling_bm25_share`` are for the passages of one intent
    against each other, where the understanding says nothing.
    """

    log_intent: float
    cosine: float
    bm25_share: float
    sibling_cosine: float
    sibling_bm25_share: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible answer with its features, in the order of ``FEATURES[kind]``.

    ``hit`` is None for ``AnswerKind.INTENT``; ``intent`` is None for ``AnswerKind.PASSAGE``.
    ``share`` is the probability, 0 to 1, that of the intent's passages it is this one:
    low where several fit alike.
    """

    kind: AnswerKind
    intent: Intent | None
    hit: Hit | None
    features: tuple[float, ...]
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Logistic regression on standardized features: P(the candidate is right)."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def confidence(self, features: Sequence[float]) -> float:
        """Give the probability, 0 to 1, that a candidate with these features is right."""
        standardized = ((f - m) / s for f, m, s in zip(features, self.mean, self.scale, strict=True))
        logit = self.bias + sum(w * f for w, f in zip(self.weights, standardized, strict=True))
        return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, logit))))


def rank_intents(labels: Sequence[str], probabilities: Sequence[float]) -> tuple[IntentProbability, ...]:
    """Give labels with their probabilities, most likely first."""
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    return tuple(IntentProbability(labels[index], float(probabilities[index])) for index in order)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about one question.

    ``intents`` are all labels, most likely first. ``scores`` is None when there
    is no passage in the language. ``known`` are the domain's intents by id.
    ``weights`` rank the passages of intents.
    """

    language: str
    intents: tuple[IntentProbability, ...]
    scores: Scores | None
    known: Mapping[str, Intent]
    weights: RankWeights

    def candidates(self) -> list[Candidate]:
        """Give the best candidate of each kind that there is."""
        found = (self.by_intent(), self.by_intent_and_passage(), self.by_passage())
        mapped = {passage for intent in self.known.values() for passage in intent.passages}
        return [
            candidate
            for candidate in found
            if candidate
            # A passage of an intent is judged with the understanding, never without.
            and not (
                candidate.kind is AnswerKind.PASSAGE and candidate.hit and candidate.hit.passage.id in mapped
            )
        ]

    def by_intent(self) -> Candidate | None:
        """Give the most likely intent when a template or a person answers it."""
        top = next((item for item in self.intents if item.label in self.known), None)
        if top is None or self.known[top.label].passages:
            return None
        return Candidate(AnswerKind.INTENT, self.known[top.label], None, self._of_intents({top.label}))

    def by_intent_and_passage(self) -> Candidate | None:
        """Give the best passage of the known intents."""
        ranked = self._ranked()
        if ranked is None or self.scores is None:
            return None
        positions, found, values = ranked
        place = int(values.argmax())
        best = int(positions[place])
        passage_id = self.scores.passages[best].id
        supporting = [item.label for item in self.intents if passage_id in self._passages(item.label)]
        siblings = {p for label in supporting for p in self._passages(label)}
        own = np.array([self.scores.passages[position].id in siblings for position in positions])
        posterior = _softmax(values)
        second = float(np.delete(values, place).max(initial=-np.inf))
        features = (
            *self._of_intents(set(supporting)),
            *self._of_retrieval(self.scores, best),
            _logit(float(posterior[own].sum())),
            _logit(float(posterior[~own].max(initial=0.0))),
            max(second - float(values[place]), LEAST_LEAD),
        )
        siblings_only = np.where(
            own, found @ [0.0, self.weights.sibling_cosine, self.weights.sibling_bm25_share], -np.inf
        )
        share = float(_softmax(siblings_only)[place])
        passage = hit(self.scores, best, fuse(self.scores).get(best, 0.0))
        return Candidate(AnswerKind.INTENT_PASSAGE, self.known[supporting[0]], passage, features, share)

    def by_passage(self) -> Candidate | None:
        """Give the best passage by retrieval alone."""
        hits = search(self.scores, 1) if self.scores else []
        if not hits or self.scores is None:
            return None
        features = self._of_retrieval(self.scores, self.scores.positions[hits[0].passage.id])
        return Candidate(AnswerKind.PASSAGE, None, hits[0], features)

    def options(self) -> list[Hit]:
        """Give the best passages of the known intents, best first; at most ``OPTIONS``."""
        ranked = self._ranked()
        if ranked is None or self.scores is None:
            return []
        positions, _, values = ranked
        fused = fuse(self.scores)
        best = [int(positions[place]) for place in np.argsort(-values, kind="stable")[:OPTIONS]]
        return [hit(self.scores, position, fused.get(position, 0.0)) for position in best]

    def rank_features(self) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        """Give the positions of the intents' passages, and ``[n, 3]``: log P(intents), cosine, BM25 share."""
        if self.scores is None:
            return None
        probability: dict[int, float] = {}
        for item in self.intents:
            for passage in self._passages(item.label):
                position = self.scores.positions.get(passage)
                if position is not None:
                    probability[position] = probability.get(position, 0.0) + item.probability
        if not probability:
            return None
        positions = np.array(sorted(probability), np.int64)
        bm25 = self.scores.bm25[positions]
        features = np.column_stack(
            [
                np.log([max(probability[int(position)], PROBABILITY_FLOOR) for position in positions]),
                self.scores.cosine[positions],
                bm25 / max(float(self.scores.bm25.max()), 1e-9),
            ]
        )
        return positions, features

    def _ranked(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]] | None:
        """Give what ``rank_features`` gives, and what it is worth in all."""
        found = self.rank_features()
        if found is None:
            return None
        weights = np.array([self.weights.log_intent, self.weights.cosine, self.weights.bm25_share])
        return *found, found[1] @ weights

    def _passages(self, label: str) -> tuple[str, ...]:
        return self.known[label].passages if label in self.known else ()

    def _of_intents(self, supporting: Collection[str]) -> tuple[float, float, float]:
        probability = sum(item.probability for item in self.intents if item.label in supporting)
        rival = max((item.probability for item in self.intents if item.label not in supporting), default=0.0)
        outside = sum(item.probability for item in self.intents if item.label == OUT_OF_SCOPE)
        return _logit(probability), probability - rival, _logit(outside)

    def _of_retrieval(self, scores: Scores, position: int) -> tuple[float, float, float, float, float]:
        cosine, bm25 = float(scores.cosine[position]), float(scores.bm25[position])
        rivals = [float(scores.cosine[p]) for p in ranking(scores.cosine, NEIGHBOURS + 1) if p != position]
        best_bm25 = float(scores.bm25.max())
        first = (cosine >= float(scores.cosine.max()), best_bm25 > 0.0 and bm25 >= best_bm25)
        return (
            cosine,
            cosine - (sum(rivals) / len(rivals) if rivals else 0.0),
            bm25 / best_bm25 if best_bm25 > 0.0 else 0.0,
            sum(first) / 2,
            float(self.language == "zh"),
        )


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    grown = np.exp(values - values.max())
    shares: NDArray[np.float64] = grown / grown.sum()
    return shares


def _logit(probability: float) -> float:
    clipped = min(max(probability, PROBABILITY_FLOOR), 1.0 - PROBABILITY_FLOOR)
    return math.log(clipped / (1.0 - clipped))
