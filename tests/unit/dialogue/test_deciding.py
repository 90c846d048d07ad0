"""Evidence, confidence, decision and state."""

from dataclasses import replace

import numpy as np
import pytest

from services.dialogue.domain.types import OUT_OF_SCOPE, Intent, IntentHandoff, Policies
from services.dialogue.evidence import (
    FEATURES,
    AnswerKind,
    Calibrator,
    Candidate,
    Evidence,
    IntentProbability,
    RankWeights,
    rank_intents,
)
from services.dialogue.policy import Decided, Decision, HandoffReason, Judged, Thresholds, decide, judge
from services.dialogue.retrieval import Scores, SearchPassage
from services.dialogue.state import ConversationState
from services.serving.errors import InvalidArgument

THRESHOLDS = Thresholds(answer_at=0.8, ask_at=0.4)
WEIGHTS = RankWeights(
    log_intent=1.0, cosine=40.0, bm25_share=1.0, sibling_cosine=90.0, sibling_bm25_share=1.0
)
POLICIES = Policies(max_clarifications=2)


def intent(
    name: str, *passages: str, template: str | None = None, handoff: IntentHandoff | None = None
) -> Intent:
    return Intent(name, "", passages, template, handoff, {})


KNOWN = {
    item.id: item
    for item in (
        intent("returns", "return-start", "return-cost"),
        intent("delivery", "delivery-time"),
        intent("hello", template="greeting"),
        intent("person", handoff=IntentHandoff.REQUESTED),
    )
}
PASSAGES = ["return-start", "return-cost", "delivery-time", "my/document"]


def evidence(
    intents: dict[str, float], cosine: list[float], bm25: list[float] | None = None, language: str = "en"
) -> Evidence:
    passages = [SearchPassage(name, language, name, "Text.", "", "v") for name in PASSAGES]
    positions = {passage.id: place for place, passage in enumerate(passages)}
    scores = Scores(
        passages, positions, np.array(cosine, np.float32), np.array(bm25 or [0.0] * 4, np.float32)
    )
    return Evidence(language, rank_intents(list(intents), list(intents.values())), scores, KNOWN, WEIGHTS)


def by_kind(found: Evidence) -> dict[AnswerKind, Candidate]:
    return {candidate.kind: candidate for candidate in found.candidates()}


def test_intents_are_ranked() -> None:
    ranked = rank_intents(["a", "b", "c"], [0.2, 0.5, 0.3])
    assert ranked[0] == IntentProbability("b", 0.5)
    assert [item.label for item in ranked] == ["b", "c", "a"]


def test_understanding_and_retrieval_choose_the_passage_together() -> None:
    found = evidence({"returns": 0.7, "delivery": 0.2, OUT_OF_SCOPE: 0.1}, [0.80, 0.82, 0.83, 0.1])
    candidates = by_kind(found)

    assert set(candidates) == {AnswerKind.INTENT_PASSAGE}
    best = candidates[AnswerKind.INTENT_PASSAGE]
    assert best.hit is not None
    assert best.intent is not None
    # delivery-time is nearest, but by little, and the understanding says returns.
    assert (best.hit.passage.id, best.intent.id) == ("return-cost", "returns")
    features = dict(zip(FEATURES[best.kind], best.features, strict=True))
    assert features["cosine"] == pytest.approx(0.82)
    assert features["intent_margin"] == pytest.approx(0.5)
    assert features["out_of_scope_logit"] == pytest.approx(np.log(0.1 / 0.9))
    assert features["mandarin"] == 0.0


def test_a_passage_is_as_likely_as_it_leads_its_siblings() -> None:
    alike = by_kind(evidence({"returns": 1.0}, [0.82, 0.82, 0.1, 0.1]))[AnswerKind.INTENT_PASSAGE]
    apart = by_kind(evidence({"returns": 1.0}, [0.92, 0.82, 0.1, 0.1]))[AnswerKind.INTENT_PASSAGE]
    only = by_kind(evidence({"delivery": 1.0}, [0.82, 0.82, 0.82, 0.1]))[AnswerKind.INTENT_PASSAGE]

    assert alike.share == pytest.approx(0.5)
    assert apart.share > 0.99
    # The other intent's passages are as near, but no siblings.
    assert only.share == pytest.approx(1.0)
    assert by_kind(evidence({"hello": 1.0}, [0.1] * 4))[AnswerKind.INTENT].share == 1.0


def test_a_plain_intent_with_passages_that_fit_alike_is_asked_back() -> None:
    coin = Judged(Candidate(AnswerKind.INTENT_PASSAGE, KNOWN["returns"], None, (), share=0.5), 0.99)
    assert coin.confidence == pytest.approx(0.495)
    assert decide(coin, ConversationState(), THRESHOLDS, POLICIES) == Decided(Decision.ASK_BACK)
    # However many fit: that one of them is meant is known.
    many = Judged(Candidate(AnswerKind.INTENT_PASSAGE, KNOWN["returns"], None, (), share=0.1), 0.99)
    assert decide(many, ConversationState(), THRESHOLDS, POLICIES) == Decided(Decision.ASK_BACK)


def test_templates_need_no_passage() -> None:
    found = evidence({"hello": 0.9, "returns": 0.1}, [0.5, 0.4, 0.3, 0.2])
    best = by_kind(found)[AnswerKind.INTENT]
    assert best.intent is KNOWN["hello"]
    assert best.hit is None
    assert Evidence("fr", found.intents, None, KNOWN, WEIGHTS).candidates() == [best]


def test_a_document_of_no_intent_is_judged_by_retrieval_alone() -> None:
    found = evidence({OUT_OF_SCOPE: 0.9, "returns": 0.1}, [0.3, 0.2, 0.1, 0.9], [0.0, 1.0, 0.0, 8.0])
    best = by_kind(found)[AnswerKind.PASSAGE]
    assert best.hit is not None
    assert best.hit.passage.id == "my/document"
    assert dict(zip(FEATURES[best.kind], best.features, strict=True))["agreement"] == 1.0


def test_features_fit_the_calibrators() -> None:
    found = evidence({"hello": 0.5, "returns": 0.4, OUT_OF_SCOPE: 0.1}, [0.3, 0.2, 0.1, 0.9])
    kinds = by_kind(found)
    assert set(kinds) == set(AnswerKind)
    for kind, candidate in kinds.items():
        assert len(candidate.features) == len(FEATURES[kind])


def test_confidence_is_a_logistic_of_standardized_features() -> None:
    calibrator = Calibrator(mean=(1.0, 0.0), scale=(2.0, 1.0), weights=(1.0, -1.0), bias=0.5)
    assert calibrator.confidence((3.0, 0.5)) == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert calibrator.confidence((1e9, 0.0)) == pytest.approx(1.0)
    assert calibrator.confidence((-1e9, 0.0)) == pytest.approx(0.0)
    with pytest.raises(ValueError, match="zip"):
        calibrator.confidence((1.0,))


def judged(confidence: float, of: Intent = KNOWN["returns"], kind: AnswerKind = AnswerKind.INTENT) -> Judged:
    return Judged(Candidate(kind, of, None, ()), confidence)


def test_the_surest_candidate_is_judged_best() -> None:
    calibrators = {
        AnswerKind.INTENT: Calibrator((0.0,), (1.0,), (1.0,), 0.0),
        AnswerKind.PASSAGE: Calibrator((0.0,), (1.0,), (-1.0,), 0.0),
    }
    low, high = (
        Candidate(AnswerKind.INTENT, None, None, (1.0,)),
        Candidate(AnswerKind.PASSAGE, None, None, (-2.0,)),
    )
    best = judge([low, high], calibrators)
    assert best is not None
    assert best.candidate is high
    assert judge([], calibrators) is None


@pytest.mark.parametrize(
    ("best", "asked", "expected"),
    [
        (judged(0.8), 0, Decided(Decision.ANSWER)),
        (judged(0.79), 0, Decided(Decision.ASK_BACK)),
        (judged(0.79), 1, Decided(Decision.ASK_BACK)),
        (judged(0.79), 2, Decided(Decision.HANDOFF, HandoffReason.LOW_CONFIDENCE)),
        (judged(0.8), 2, Decided(Decision.ANSWER)),
        (judged(0.39), 0, Decided(Decision.HANDOFF, HandoffReason.LOW_CONFIDENCE)),
        (None, 0, Decided(Decision.HANDOFF, HandoffReason.LOW_CONFIDENCE)),
        (judged(0.4, KNOWN["person"]), 0, Decided(Decision.HANDOFF, HandoffReason.REQUESTED)),
        (judged(0.39, KNOWN["person"]), 0, Decided(Decision.HANDOFF, HandoffReason.LOW_CONFIDENCE)),
        (
            judged(0.9, intent("complaint", handoff=IntentHandoff.POLICY)),
            0,
            Decided(Decision.HANDOFF, HandoffReason.POLICY),
        ),
    ],
)
def test_decisions(best: Judged | None, asked: int, expected: Decided) -> None:
    state = replace(ConversationState(), consecutive_clarifications=asked)
    assert decide(best, state, THRESHOLDS, POLICIES) == expected


def test_the_state_counts_turns_and_questions_back() -> None:
    asked = ConversationState(domain_version="shop@1").asked_back("en", "returns", ("a", "b"))
    again = asked.asked_back("en", "returns", ("c",))
    answered = again.answered("zh", "delivery")

    assert (again.turn_count, again.consecutive_clarifications, again.offered_passage_ids) == (2, 2, ("c",))
    assert (answered.consecutive_clarifications, answered.offered_passage_ids) == (0, ())
    assert (answered.turn_count, answered.language, answered.last_intent) == (3, "zh", "delivery")
    assert answered.domain_version == "shop@1"
    assert not answered.handed_off
    assert answered.over_to_person("zh", "").answered("zh", "").handed_off


@pytest.mark.parametrize("version", [0, 2, -1])
def test_a_state_of_another_version_is_refused(version: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ConversationState(schema_version=version)
    assert caught.value.reason == "STATE_VERSION_UNKNOWN"
