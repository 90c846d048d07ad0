"""Decides what to do with what was understood: answer, ask back, hand over. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.dialogue.domain.types import IntentHandoff, Policies
from services.dialogue.evidence import AnswerKind, Calibrator, Candidate
from services.dialogue.fused import FusionThresholds
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
    """From which confidence on dialogue answers, and from which relevance on it asks back; 0 to 1."""

    answer_at: float
    ask_at: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with the calibrated probability, 0 to 1, that its intent is the right one."""

    candidate: Candidate
    relevance: float

    @property
    def confidence(self) -> float:
        """Give the probability, 0 to 1, that the candidate itself is right."""
        return self.relevance * self.candidate.share


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision. ``reason`` is given for a handoff only."""

    decision: Decision
    reason: HandoffReason | None = None


def judge(candidates: Sequence[Candidate], calibrators: Mapping[AnswerKind, Calibrator]) -> Judged | None:
    """Give the candidate whose intent is most likely right."""
    judged = [Judged(c, calibrators[c.kind].confidence(c.features)) for c in candidates]
    return max(judged, key=lambda item: item.relevance, default=None)


def decide(
    best: Judged | None, state: ConversationState, thresholds: Thresholds, policies: Policies
) -> Decided:
    """Decide by what is known of the best candidate.

    Where the intent is plain but several of its passages fit alike, the customer is
    asked which, not answered with one of them. An intent that a person must see to is
    handed over from ``ask_at`` on: to ask a customer back who wants a person does harm,
    a person too many does not.
    """
    if best is None or best.relevance < thresholds.ask_at:
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


def decide_shown(
    probability: float, state: ConversationState, thresholds: FusionThresholds, policies: Policies
) -> Decided:
    """Decide a turn with pictures by the best passage's probability, 0 to 1.

    Where nothing is likely the customer is asked too: a picture often needs a word beside it.
    """
    if probability >= thresholds.answer_at:
        return Decided(Decision.ANSWER)
    if state.consecutive_clarifications >= policies.max_clarifications:
        return Decided(Decision.HANDOFF, HandoffReason.LOW_CONFIDENCE)
    return Decided(Decision.ASK_BACK)
