"""The events of each decision, with the state that follows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.dialogue.answers import deltas, template
from services.dialogue.domain.types import Domain, Picture
from services.dialogue.events import AnswerDelta, AnswerPicture, Citation, Completed, Event, Handoff
from services.dialogue.policy import Decision, HandoffReason
from services.dialogue.retrieval import Hit, SearchPassage
from services.dialogue.state import ConversationState

_HANDOFF_TEMPLATES = {
    HandoffReason.REQUESTED: "handoff_requested",
    HandoffReason.LOW_CONFIDENCE: "handoff_unknown",
    HandoffReason.POLICY: "handoff_policy",
}


@dataclass(frozen=True, slots=True)
class Replies:
    """What can be replied to one turn; ``seen`` are sentences on what was seen, said first."""

    domain: Domain
    language: str
    state: ConversationState
    seen: tuple[str, ...] = ()

    def quote(
        self,
        passage: SearchPassage,
        score: float,
        quoted: Sequence[str],
        intent: str,
        picture: Picture | None = None,
    ) -> list[Event]:
        """Answer with sentences of a passage, and a picture where one goes with it."""
        parts = deltas([*self.seen, *quoted], self.language)
        events: list[Event] = [*map(AnswerDelta, parts)]
        events.append(Citation(passage, "".join(parts[len(self.seen) :]), score))
        if picture is not None:
            events.append(AnswerPicture(picture, passage.id, picture.caption[self.language]))
        state = self.state.answered(self.language, intent)
        return [*events, Completed(Decision.ANSWER, "".join(parts), state)]

    def say(self, name: str, intent: str) -> list[Event]:
        """Answer with a template."""
        state = self.state.answered(self.language, intent)
        return self._said(name, Decision.ANSWER, state)

    def ask_back(self, options: Sequence[Hit], intent: str) -> list[Event]:
        """Ask which of some passages is meant."""
        offered = tuple(option.passage.id for option in options)
        state = self.state.asked_back(self.language, intent, offered)
        return self._said("ask_back", Decision.ASK_BACK, state, [option.passage.title for option in options])

    def ask_for_question(
        self, intent: str, offered: tuple[str, ...] = (), name: str = "ask_for_question"
    ) -> list[Event]:
        """Ask for the question, by the template ``name``; what was ``offered`` can still be chosen."""
        state = self.state.asked_back(self.language, intent, offered)
        return self._said(name, Decision.ASK_BACK, state)

    def hand_over(self, reason: HandoffReason, intent: str, options: Sequence[Hit]) -> list[Event]:
        """Hand over to a person, who is told what was seen; who asked for one need not hear it."""
        about = next((item.description for item in self.domain.intents if item.id == intent), "")
        topics = ", ".join(option.passage.title for option in options[:2])
        facts = [
            f"Language {self.language}",
            f"turn {self.state.turn_count + 1}",
            f"intent {intent} ({about})" if about else "intent unknown",
            f"nearest passages: {topics}" if reason is HandoffReason.LOW_CONFIDENCE and topics else "",
            f"seen: {' '.join(self.seen)}" if self.seen else "",
        ]
        handoff = Handoff(reason, "; ".join(filter(None, facts)))
        state = self.state.over_to_person(self.language, intent)
        if self.state.handed_off:
            return self._said("already_handed_off", Decision.HANDOFF, state)
        said_first = self if reason is HandoffReason.LOW_CONFIDENCE else replace(self, seen=())
        *said, completed = said_first._said(_HANDOFF_TEMPLATES[reason], Decision.HANDOFF, state)
        return [*said, handoff, completed]

    def _said(
        self, name: str, decision: Decision, state: ConversationState, options: Sequence[str] = ()
    ) -> list[Event]:
        parts = template(self.domain, name, self.language, self.state.turn_count, options)
        pieces = deltas([*self.seen, *parts], self.language)
        return [*map(AnswerDelta, pieces), Completed(decision, "".join(pieces), state)]
