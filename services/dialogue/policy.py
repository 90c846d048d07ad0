"""Decides what to do with what was understood: answer, ask back, hand over. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.dialogue.domain.types import IntentHandoff, Policies
from services.dialogue.evidence import AnswerKind, Calibrator, Candidate
from services.dialogue.state import ConversationState


class Decision(StrEnum):
    """What kind of response."""

    ANSWER = "answer"
    ASK_BACK = "ask_back"
    HANDOFF = "handoff"


class HandoffReason(StrEnum):
    """Why a person takes over."""

    REQUESTED = "requested"
    LOW_CONFIDENCE = "low_confidence"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidences from which on dialogue answers, and asks back; 0 <= ask_at <= answer_at <= 1."""

    answer_at: float
    ask_at: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with its calibrated confidence, 0 to 1."""

    candidate: Candidate
    confidence: float


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision. ``reason`` is given for a handoff only."""

    decision: Decision
    reason: HandoffReason | None = None


def judge(candidates: Sequence[Candidate], calibrators: Mapping[AnswerKind, Calibrator]) -> Judged | None:
    """Give the candidate that is most likely right."""
    judged = [Judged(c, calibrators[c.kind].confidence(c.features)) for c in candidates]
    return max(judged, key=lambda item: item.confidence, default=None)


def decide(
    best: Judged | None, state: ConversationState, thresholds: Thresholds, policies: Policies
) -> Decided:
    """Decide by the confidence in the best candidate.

    An intent that a person must see to is handed over from ``ask_at`` on: to ask
    a customer back who wants a person does harm, a person too many does not.
    """
    if best is None or best.confidence < thresholds.ask_at:
        return Decided(Decision.HANDOFF, HandoffReason.LOW_CONFIDENCE)
    intent = best.candidate.intent
    if best.candidate.kind is AnswerKind.INTENT and intent and intent.handoff:
        requested = intent.handoff is IntentHandoff.REQUESTED
        return Decided(Decision.HANDOFF, HandoffReason.REQUESTED if requested else HandoffReason.POLICY)
    if best.confidence >= thresholds.answer_at:
        return Decided(Decision.ANSWER)
    if state.consecutive_clarifications >= policies.max_clarifications:
        return Decided(Decision.HANDOFF, HandoffReason.LOW_CONFIDENCE)
    return Decided(Decision.ASK_BACK)
