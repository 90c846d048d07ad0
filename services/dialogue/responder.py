"""Answers one turn: understands, finds, decides, speaks. Pure orchestration over ports."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.dialogue.answers import deltas, template
from services.dialogue.choices import chosen
from services.dialogue.domain.types import Domain
from services.dialogue.evidence import AnswerKind, Candidate, Evidence, IntentProbability, rank_intents
from services.dialogue.language import tell_language
from services.dialogue.policy import Decided, Decision, HandoffReason, Judged, decide, judge
from services.dialogue.ports import IntentModel, IntentProfile, Purpose, TextEmbedder
from services.dialogue.quoting import quote
from services.dialogue.retrieval import Hit, Scores, SearchPassage
from services.dialogue.state import ConversationState
from services.serving.errors import FailedPrecondition, InvalidArgument

TOP_INTENTS = 5

_HANDOFF_TEMPLATES = {
    HandoffReason.REQUESTED: "handoff_requested",
    HandoffReason.LOW_CONFIDENCE: "handoff_unknown",
    HandoffReason.POLICY: "handoff_policy",
}


@dataclass(frozen=True, slots=True)
class CustomerInput:
    """One turn's input.

    ``language`` None: told from the script. ``vector`` is the query embedding
    where the caller has it, L2-normalized, of the space ``embedding_model``.
    """

    text: str
    language: str | None = None
    vector: NDArray[np.float32] | None = None
    embedding_model: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the turn means; first event. ``intents`` at most 5, best first."""

    intents: tuple[IntentProbability, ...]
    language: str
    confidence: float
    model: str


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


Event = Understood | AnswerDelta | Citation | Handoff | Completed


class SearchableKnowledge(Protocol):
    """A knowledge base as of one moment."""

    @property
    def embedding_model(self) -> str:
        """Space of its vectors; empty when it has no passage."""
        ...

    @property
    def width(self) -> int:
        """Width of its vectors; 0 when it has no passage."""
        ...

    def score(self, language: str, vector: NDArray[np.float32], words: Sequence[str]) -> Scores | None:
        """Score the passages of a language; None when there are none."""
        ...

    def passage(self, passage_id: str, language: str) -> SearchPassage | None:
        """Find a passage by id."""
        ...


class Responder:
    """Answers from one domain version and the knowledge beside it."""

    def __init__(
        self, embedder: TextEmbedder, intents: IntentModel, split: Callable[[str, str], Sequence[str]]
    ) -> None:
        """``split`` gives the words of a text in a language."""
        self._embedder = embedder
        self._intents = intents
        self._split = split

    async def understand(
        self,
        asked: CustomerInput,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
    ) -> Understood:
        """Say what an input means. ``remaining`` gives the seconds that are left."""
        language = self._language(asked, domain, domain.default_language)
        evidence, profile = await self._weigh(asked, language, domain, knowledge, remaining)
        return _understood(evidence, judge(evidence.candidates(), profile.calibrators), profile)

    async def respond(
        self,
        asked: CustomerInput,
        state: ConversationState,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
    ) -> AsyncGenerator[Event, None]:
        """Answer one turn: one ``Understood``, then deltas and citations, perhaps a handoff, ``Completed``.

        Raises ``FailedPrecondition`` when vectors or labels do not fit, and what the ports raise.
        """
        language = self._language(asked, domain, state.language or domain.default_language)
        turn = _Turn(domain, language, state)
        option = self._chosen(asked, language, state, knowledge)
        if option is not None:
            intent = next((i.id for i in domain.intents if option.id in i.passages), "")
            known = (IntentProbability(intent, 1.0),) if intent else ()
            yield Understood(known, language, 1.0, "chosen by the customer")
            for event in turn.quote(option, 1.0, self._quoted(option, asked.text, domain), intent):
                yield event
            return
        if not asked.text.strip():
            yield Understood((), language, 0.0, "")
            # Nobody may have spoken: what was offered before can still be chosen.
            for event in turn.ask_for_question(state.last_intent, state.offered_passage_ids):
                yield event
            return
        evidence, profile = await self._weigh(asked, language, domain, knowledge, remaining)
        best = judge(evidence.candidates(), profile.calibrators)
        yield _understood(evidence, best, profile)
        decided = decide(best, state, profile.thresholds, domain.policies)
        for event in self._act(turn, decided, best, evidence, asked.text):
            yield event

    def _act(
        self, turn: "_Turn", decided: Decided, best: Judged | None, evidence: Evidence, text: str
    ) -> Sequence[Event]:
        candidate = best.candidate if best else None
        intent = _intent_of(candidate, evidence)
        if decided.reason:
            return turn.hand_over(decided.reason, intent, evidence.options())
        if decided.decision is Decision.ASK_BACK:
            options = [] if candidate is None or candidate.hit is None else _options(candidate, evidence)
            offered = options[: turn.domain.policies.max_options]
            return turn.ask_back(offered, intent) if offered else turn.ask_for_question(intent)
        if candidate and candidate.hit:
            passage = candidate.hit.passage
            return turn.quote(passage, candidate.hit.score, self._quoted(passage, text, turn.domain), intent)
        name = candidate.intent.template if candidate and candidate.intent else None
        return turn.say(name or "ask_for_question", intent)

    async def _weigh(
        self,
        asked: CustomerInput,
        language: str,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
    ) -> tuple[Evidence, IntentProfile]:
        if not asked.text.strip():
            raise InvalidArgument("INPUT_EMPTY", "nothing to understand: send text", field="input.text")
        profile = await self._intents.profile(domain.name)
        if profile.labels != domain.labels:
            raise FailedPrecondition(
                "INTENT_LABELS_MISMATCH",
                f"the model {profile.model} was trained on other intents than {domain.version} has:"
                " train and load its model, or publish the domain that the model was trained on",
            )
        vector, space = asked.vector, asked.embedding_model
        if vector is None:
            found = await self._embedder.embed([asked.text], Purpose.QUERY, timeout_seconds=remaining())
            vector, space = found.vectors[0], found.embedding_model
        for needed, what in (
            (profile.embedding_model, profile.model),
            (knowledge.embedding_model, "the index"),
        ):
            if needed and needed != space:
                raise FailedPrecondition(
                    "EMBEDDING_MODEL_MISMATCH",
                    f"the text is embedded by {space}, {what} needs {needed}: publish the domain again"
                    " and export its intent model with the text encoder that runs",
                )
        if knowledge.width not in (0, len(vector)):
            raise InvalidArgument(
                "EMBEDDING_INVALID",
                f"the embedding has {len(vector)} numbers, those of {space} have {knowledge.width}",
                field="input.text_embedding.sentence",
            )
        probabilities = await self._intents.probabilities(domain.name, vector, timeout_seconds=remaining())
        scores = knowledge.score(language, vector, self._split(asked.text, language))
        known = {intent.id: intent for intent in domain.intents}
        ranked = rank_intents(profile.labels, list(probabilities))
        return Evidence(language, ranked, scores, known, profile.rank_weights), profile

    def _language(self, asked: CustomerInput, domain: Domain, default: str) -> str:
        if default not in domain.languages:
            default = domain.default_language
        return asked.language or tell_language(asked.text, domain.languages, default)

    def _chosen(
        self, asked: CustomerInput, language: str, state: ConversationState, knowledge: SearchableKnowledge
    ) -> SearchPassage | None:
        found = [knowledge.passage(passage_id, language) for passage_id in state.offered_passage_ids]
        offered = [passage for passage in found if passage]
        place = chosen(asked.text, [p.title for p in offered], lambda text: self._split(text, language))
        return None if place is None else offered[place]

    def _quoted(self, passage: SearchPassage, text: str, domain: Domain) -> list[str]:
        def split(words: str) -> Sequence[str]:
            return self._split(words, passage.language)

        return quote(passage.text, split(text), split, domain.policies.max_quoted_sentences)


@dataclass(frozen=True, slots=True)
class _Turn:
    """The events of each decision, with the state that follows."""

    domain: Domain
    language: str
    state: ConversationState

    def quote(self, passage: SearchPassage, score: float, quoted: list[str], intent: str) -> list[Event]:
        parts = deltas(quoted, self.language)
        citation = Citation(passage, "".join(parts), score)
        state = self.state.answered(self.language, intent)
        return [*map(AnswerDelta, parts), citation, Completed(Decision.ANSWER, "".join(parts), state)]

    def say(self, name: str, intent: str) -> list[Event]:
        state = self.state.answered(self.language, intent)
        return self._said(name, Decision.ANSWER, state)

    def ask_back(self, options: Sequence[Hit], intent: str) -> list[Event]:
        offered = tuple(option.passage.id for option in options)
        state = self.state.asked_back(self.language, intent, offered)
        return self._said("ask_back", Decision.ASK_BACK, state, [option.passage.title for option in options])

    def ask_for_question(self, intent: str, offered: tuple[str, ...] = ()) -> list[Event]:
        state = self.state.asked_back(self.language, intent, offered)
        return self._said("ask_for_question", Decision.ASK_BACK, state)

    def hand_over(self, reason: HandoffReason, intent: str, options: Sequence[Hit]) -> list[Event]:
        about = next((item.description for item in self.domain.intents if item.id == intent), "")
        topics = ", ".join(option.passage.title for option in options[:2])
        facts = [
            f"Language {self.language}",
            f"turn {self.state.turn_count + 1}",
            f"intent {intent} ({about})" if about else "intent unknown",
            f"nearest passages: {topics}" if reason is HandoffReason.LOW_CONFIDENCE and topics else "",
        ]
        handoff = Handoff(reason, "; ".join(filter(None, facts)))
        state = self.state.over_to_person(self.language, intent)
        if self.state.handed_off:
            return self._said("already_handed_off", Decision.HANDOFF, state)
        *said, completed = self._said(_HANDOFF_TEMPLATES[reason], Decision.HANDOFF, state)
        return [*said, handoff, completed]

    def _said(
        self, name: str, decision: Decision, state: ConversationState, options: Sequence[str] = ()
    ) -> list[Event]:
        parts = template(self.domain, name, self.language, self.state.turn_count, options)
        pieces = deltas(parts, self.language)
        return [*map(AnswerDelta, pieces), Completed(decision, "".join(pieces), state)]


def _understood(evidence: Evidence, best: Judged | None, profile: IntentProfile) -> Understood:
    confidence = best.confidence if best else 0.0
    return Understood(evidence.intents[:TOP_INTENTS], evidence.language, confidence, profile.model)


def _intent_of(candidate: Candidate | None, evidence: Evidence) -> str:
    if candidate and candidate.intent:
        return candidate.intent.id
    return evidence.intents[0].label if evidence.intents else ""


def _options(candidate: Candidate, evidence: Evidence) -> list[Hit]:
    options = evidence.options()
    if candidate.kind is AnswerKind.PASSAGE and candidate.hit:
        return [candidate.hit, *options]
    return options
