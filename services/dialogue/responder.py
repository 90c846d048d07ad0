"""Answers one turn: understands, finds, decides, speaks. Pure orchestration over ports."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace

from services.dialogue.choices import chosen
from services.dialogue.customer_input import CustomerInput
from services.dialogue.domain.types import Domain
from services.dialogue.events import Event, LabelProbability, Understood
from services.dialogue.evidence import AnswerKind, Candidate, Evidence, IntentProbability
from services.dialogue.language import tell_language
from services.dialogue.likely_passages import best_and, likely_passages
from services.dialogue.policy import Decided, Decision, HandoffReason, Judged, decide, decide_shown, judge
from services.dialogue.ports import FusionModel, IntentModel, IntentProfile, TextEmbedder
from services.dialogue.quoting import quote
from services.dialogue.replies import Replies
from services.dialogue.retrieval import Hit, SearchPassage
from services.dialogue.showing import Showing, Wanted
from services.dialogue.shown import Shown
from services.dialogue.state import ConversationState
from services.dialogue.weighing import SearchableKnowledge, Split, TextWeigher

TOP_LABELS = 5


@dataclass(frozen=True, slots=True)
class _Words:
    """What the words of a turn say, and what would be decided by them alone."""

    evidence: Evidence
    profile: IntentProfile
    best: Judged | None
    decided: Decided


class Responder:
    """Answers from one domain version and the knowledge beside it."""

    def __init__(
        self, embedder: TextEmbedder, intents: IntentModel, fusion: FusionModel, split: Split
    ) -> None:
        """``split`` gives the words of a text in a language."""
        self._weigher = TextWeigher(embedder, intents, split)
        self._showing = Showing(embedder, fusion, split)
        self._split = split

    async def understand(
        self,
        asked: CustomerInput,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
        *,
        passage_id: str = "",
    ) -> Understood:
        """Say what an input means, with the best passages and ``passage_id`` where there is such a one.

        ``remaining`` gives the seconds that are left. Raises what ``respond`` raises, and
        ``InvalidArgument`` where there is nothing to understand.
        """
        state = ConversationState()
        language = self._language(asked, domain, "")
        if not any(knowledge.passage(passage_id, known) for known in knowledge.by_language):
            passage_id = ""
        if _fusible(asked, domain):
            asked = await self._showing.embedded(asked, remaining)
            words = await self._weigh(asked, state, language, domain, knowledge, remaining)
            shown = await self._showing.understand(
                asked,
                language,
                domain,
                knowledge,
                remaining,
                wanted=_wanted(words),
                passage_id=passage_id,
            )
            return _understood_shown(shown, _by_words(shown, words, domain), passage_id)
        weighed = await self._weigh_words(asked, state, language, domain, knowledge, remaining)
        passages = likely_passages(weighed.evidence, weighed.profile.calibrators)
        return replace(_understood(weighed), passages=best_and(passages, passage_id))

    async def respond(
        self,
        asked: CustomerInput,
        state: ConversationState,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
    ) -> AsyncGenerator[Event, None]:
        """Answer one turn: one ``Understood``, then deltas, citations and pictures, perhaps a handoff.

        ``Completed`` ends it. Raises ``FailedPrecondition`` when vectors or labels do not
        fit, and what the ports raise.
        """
        language = self._language(asked, domain, state.language)
        turn = Replies(domain, language, state)
        option = self._chosen(asked, language, state, knowledge)
        if option is not None:
            intent = next((i.id for i in domain.intents if option.id in i.passages), "")
            known = (IntentProbability(intent, 1.0),) if intent else ()
            yield Understood(known, language, 1.0, "chosen by the customer")
            for event in turn.quote(option, 1.0, self._quoted(option, asked.text, domain), intent):
                yield event
            return
        if _fusible(asked, domain):
            asked = await self._showing.embedded(asked, remaining)
            words = await self._weigh(asked, state, language, domain, knowledge, remaining)
            shown = await self._showing.understand(
                asked, language, domain, knowledge, remaining, wanted=_wanted(words)
            )
            yield _understood_shown(shown, _by_words(shown, words, domain))
            for event in self._act_on_shown(turn, shown, words, asked):
                yield event
            return
        if not asked.text.strip():
            yield Understood((), language, 0.0, "")
            # Nobody may have spoken: what was offered before can still be chosen.
            for event in turn.ask_for_question(state.last_intent, state.offered_passage_ids):
                yield event
            return
        weighed = await self._weigh_words(asked, state, language, domain, knowledge, remaining)
        yield _understood(weighed)
        for event in self._act(turn, weighed, asked.text):
            yield event

    def _act(self, turn: Replies, words: _Words, text: str) -> Sequence[Event]:
        decided, evidence = words.decided, words.evidence
        candidate = words.best.candidate if words.best else None
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

    def _act_on_shown(
        self, turn: Replies, shown: Shown, words: _Words | None, asked: CustomerInput
    ) -> Sequence[Event]:
        domain, count = turn.domain, turn.state.turn_count
        told = replace(turn, seen=shown.told(domain, count))
        if by_words := _by_words(shown, words, domain):
            return self._act(told, by_words, asked.text)
        decided = decide_shown(shown.confidence, turn.state, shown.profile.thresholds, domain.policies)
        if decided.decision is Decision.ANSWER:
            best = shown.hits[0]
            told = replace(turn, seen=shown.told(domain, count, best.passage.id))
            about = "\n".join([asked.text, asked.picture_words, *told.seen])
            return told.quote(
                best.passage,
                best.score,
                self._quoted(best.passage, about, domain),
                shown.intent_of(domain, best.passage.id),
                shown.picture_for(domain, best.passage.id),
            )
        options = shown.options(domain.policies.max_options)
        intent = shown.intent_of(domain, options[0].passage.id if options else "")
        if decided.reason:
            return told.hand_over(decided.reason, intent, shown.hits)
        if options:
            return told.ask_back(options, intent)
        unclear = not told.seen and "picture_unclear" in domain.templates
        return told.ask_for_question(intent, name="picture_unclear" if unclear else "ask_for_question")

    async def _weigh(
        self,
        asked: CustomerInput,
        state: ConversationState,
        language: str,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
    ) -> _Words | None:
        """Weigh the words of a turn with pictures; None where there are none."""
        if not asked.text.strip():
            return None
        return await self._weigh_words(asked, state, language, domain, knowledge, remaining)

    async def _weigh_words(
        self,
        asked: CustomerInput,
        state: ConversationState,
        language: str,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
    ) -> _Words:
        evidence, profile = await self._weigher.weigh(asked, language, domain, knowledge, remaining)
        best = judge(evidence.candidates(), profile.calibrators)
        return _Words(evidence, profile, best, decide(best, state, profile.thresholds, domain.policies))

    def _language(self, asked: CustomerInput, domain: Domain, before: str) -> str:
        """Give the language of the text; without one the session's, that of words shown, the default."""
        if before not in domain.languages:
            before = tell_language(asked.picture_words, domain.languages, domain.default_language)
        return asked.language or tell_language(asked.text, domain.languages, before)

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


def _fusible(asked: CustomerInput, domain: Domain) -> bool:
    """Whether a turn is understood by the domain's fusion model."""
    return bool(domain.pictures) and asked.shows


def _by_words(shown: Shown, words: _Words | None, domain: Domain) -> _Words | None:
    """Give the words where they decide a turn with pictures, else None.

    Who surely asks for a person, or for what a person must see to, gets one whatever the
    picture shows; who may have asked for one, unless everything together has a sure answer.
    Words that are sure decide where the fused evidence is not, if it thinks so too or the
    pictures show nothing known.
    """
    if words is None or words.best is None:
        return None
    sure = words.best.relevance >= words.profile.thresholds.answer_at
    answered = shown.confidence >= shown.profile.thresholds.answer_at
    if words.decided.reason in (HandoffReason.REQUESTED, HandoffReason.POLICY) and (sure or not answered):
        return words
    if answered:
        return None
    hit = words.best.candidate.hit
    agreed = hit is not None and bool(shown.hits) and hit.passage.id == shown.hits[0].passage.id
    nothing_known = not shown.sure_pictures(domain) and not shown.sure_product()
    return words if _are_sure(words) and (agreed or nothing_known) else None


def _wanted(words: _Words | None) -> Wanted | None:
    """Give the passages that the words are sure of: all of the intent, of which the picture may tell one.

    Questions such as how to reset this are as plain as they need a picture.
    """
    if words is None or words.best is None or not _are_sure(words):
        return None
    candidate = words.best.candidate
    if candidate.hit is None:
        return None
    passage = candidate.hit.passage.id
    intents = [intent for intent in words.evidence.known.values() if passage in intent.passages]
    siblings = {sibling for intent in intents for sibling in intent.passages}
    return Wanted(
        tuple(intent.id for intent in intents), tuple(sorted(siblings | {passage})), words.best.relevance
    )


def _are_sure(words: _Words | None) -> bool:
    return words is not None and words.decided.decision is Decision.ANSWER


def _understood(words: _Words) -> Understood:
    confidence = words.best.confidence if words.best else 0.0
    evidence = words.evidence
    return Understood(
        evidence.intents[:TOP_LABELS], evidence.language, confidence, words.profile.understood_by
    )


def _understood_shown(shown: Shown, by_words: _Words | None, passage_id: str = "") -> Understood:
    confidence = by_words.best.confidence if by_words and by_words.best else shown.confidence
    passages = tuple(LabelProbability(hit.passage.id, hit.score) for hit in shown.hits)
    return Understood(
        shown.intents[:TOP_LABELS],
        shown.language,
        confidence,
        shown.profile.model,
        shown.products[:TOP_LABELS],
        shown.kinds[:TOP_LABELS],
        shown.seen,
        best_and(passages, passage_id),
    )


def _intent_of(candidate: Candidate | None, evidence: Evidence) -> str:
    if candidate and candidate.intent:
        return candidate.intent.id
    return evidence.intents[0].label if evidence.intents else ""


def _options(candidate: Candidate, evidence: Evidence) -> list[Hit]:
    options = evidence.options()
    if candidate.kind is AnswerKind.PASSAGE and candidate.hit:
        return [candidate.hit, *options]
    return options
