"""The steps of an answer. Pure."""

from dataclasses import dataclass

from services.dialogue.domain.types import Picture
from services.dialogue.evidence import IntentProbability
from services.dialogue.policy import Decision, HandoffReason
from services.dialogue.retrieval import SearchPassage
from services.dialogue.state import ConversationState


@dataclass(frozen=True, slots=True)
class LabelProbability:
    """A product, a kind of picture or a passage with its probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """What the picture at ``index`` shows: one of the domain's (empty: none of them), and how likely."""

    index: int
    picture_id: str
    probability: float


@dataclass(frozen=True, slots=True)
class Understood:
    """What the turn means; first event. ``intents``, ``products`` and ``kinds`` at most 5, best first.

    The latter two and ``seen`` are given for turns with pictures. ``passages`` are at
    most 5, best first, and then one that was asked for.
    """

    intents: tuple[IntentProbability, ...]
    language: str
    confidence: float
    model: str
    products: tuple[LabelProbability, ...] = ()
    kinds: tuple[LabelProbability, ...] = ()
    seen: tuple[SeenPicture, ...] = ()
    passages: tuple[LabelProbability, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next piece of the answer, a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Where the answer comes from; ``quote`` are the words of it that were said."""

    passage: SearchPassage
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class AnswerPicture:
    """A picture of the domain that goes with the passage cited before it."""

    picture: Picture
    passage_id: str
    caption: str


@dataclass(frozen=True, slots=True)
class Handoff:
    """A person takes over; ``summary`` is one line for them."""

    reason: HandoffReason
    summary: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The end: ``answer`` equals the deltas joined, ``state`` is to be stored."""

    decision: Decision
    answer: str
    state: ConversationState


Event = Understood | AnswerDelta | Citation | AnswerPicture | Handoff | Completed
