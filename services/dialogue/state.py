"""What is remembered between the turns of a session. The caller keeps it."""

from dataclasses import dataclass, replace

from services.serving.errors import InvalidArgument

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ConversationState:
    """State of one session.

    ``domain_version`` pins the session; empty before its first turn.
    ``offered_passage_ids`` are the options of the latest question back, best first.
    """

    schema_version: int = SCHEMA_VERSION
    domain_version: str = ""
    turn_count: int = 0
    language: str = ""
    last_intent: str = ""
    consecutive_clarifications: int = 0
    offered_passage_ids: tuple[str, ...] = ()
    handed_off: bool = False

    def __post_init__(self) -> None:
        """Refuse a state that a newer dialogue wrote, and counts that cannot be."""
        if not 1 <= self.schema_version <= SCHEMA_VERSION:
            raise InvalidArgument(
                "STATE_VERSION_UNKNOWN",
                f"the state has schema version {self.schema_version}: 1 to {SCHEMA_VERSION} are understood;"
                " pass on the state as it was returned",
                field="state.schema_version",
            )
        if self.turn_count < 0 or self.consecutive_clarifications < 0:
            raise InvalidArgument(
                "STATE_INVALID", "a count is negative: pass on the state as it was returned", field="state"
            )

    def _next(self, language: str, intent: str) -> "ConversationState":
        return replace(
            self,
            turn_count=self.turn_count + 1,
            language=language,
            last_intent=intent,
            consecutive_clarifications=0,
            offered_passage_ids=(),
        )

    def answered(self, language: str, intent: str) -> "ConversationState":
        """Give the state after an answer."""
        return self._next(language, intent)

    def asked_back(self, language: str, intent: str, offered: tuple[str, ...]) -> "ConversationState":
        """Give the state after a question back that offered passages, or none."""
        return replace(
            self._next(language, intent),
            consecutive_clarifications=self.consecutive_clarifications + 1,
            offered_passage_ids=offered,
        )

    def over_to_person(self, language: str, intent: str) -> "ConversationState":
        """Give the state after a handoff."""
        return replace(self._next(language, intent), handed_off=True)
