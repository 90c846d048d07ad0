"""How likely each passage answers a turn of words alone. Pure."""

from collections.abc import Iterable, Mapping

import numpy as np

from services.dialogue.events import LabelProbability
from services.dialogue.evidence import AnswerKind, Calibrator, Evidence
from services.dialogue.fused import softmax

TOP_PASSAGES = 5


def likely_passages(
    evidence: Evidence, calibrators: Mapping[AnswerKind, Calibrator]
) -> tuple[LabelProbability, ...]:
    """Give every passage of the intents, and the best one beside them, most likely first.

    The best passage's intent is right with the calibrated probability that decisions are
    made by; that is shared among the intent's passages as decisions share it. What is left
    goes to the other intents' passages by a softmax over their evidence, less what the
    softmax gives to that intent.
    """
    found: dict[str, float] = {}
    ranked, best = evidence.rank_features(), evidence.by_intent_and_passage()
    if ranked and best and best.hit and evidence.scores:
        positions, features = ranked
        weights = evidence.weights
        relevance = calibrators[best.kind].confidence(best.features)
        everything = softmax(features @ [weights.log_intent, weights.cosine, weights.bm25_share])
        siblings_only = features @ [0.0, weights.sibling_cosine, weights.sibling_bm25_share]
        siblings = {
            passage
            for intent in evidence.known.values()
            if best.hit.passage.id in intent.passages
            for passage in intent.passages
        }
        ids = [evidence.scores.passages[int(position)].id for position in positions]
        own = np.array([passage in siblings for passage in ids])
        shares = softmax(np.where(own, siblings_only, -np.inf))
        values = np.where(own, relevance * shares, (1.0 - relevance) * everything)
        found = dict(zip(ids, map(float, values), strict=True))
    beside = evidence.by_passage()
    if beside and beside.hit and beside.hit.passage.id not in found:
        found[beside.hit.passage.id] = calibrators[beside.kind].confidence(beside.features)
    return ordered(LabelProbability(passage, value) for passage, value in found.items())


def ordered(passages: Iterable[LabelProbability]) -> tuple[LabelProbability, ...]:
    """Order by probability, the highest first; ties by id."""
    return tuple(sorted(passages, key=lambda item: (-item.probability, item.label)))


def best_and(passages: tuple[LabelProbability, ...], passage_id: str) -> tuple[LabelProbability, ...]:
    """Give the best ``TOP_PASSAGES``, and then ``passage_id`` where it is not among them; empty: none."""
    top = passages[:TOP_PASSAGES]
    if not passage_id or any(item.label == passage_id for item in top):
        return top
    asked = next((item for item in passages if item.label == passage_id), LabelProbability(passage_id, 0.0))
    return (*top, asked)
