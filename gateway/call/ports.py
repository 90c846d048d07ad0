"""What a call needs from outside, besides what its turns need. Pure."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from gateway.turn.answering import Answering
from gateway.turn.budget import BudgetPlan
from gateway.turn.hearing import LiveRecognizer
from gateway.turn.perception import Perception
from gateway.turn.ports import Clock, OpenTurn
from gateway.turn.types import CustomerTurn, DialogueState


class CallSession(Protocol):
    """A session that belongs to one call."""

    @property
    def state(self) -> DialogueState | None:
        """The session's state when the call began; None for a new session."""
        ...

    def open(self, turn: CustomerTurn) -> AbstractAsyncContextManager[OpenTurn]:
        """Accept a turn, as ``TurnStore.open``; waits until the turn before is closed."""
        ...


class CallSessions(Protocol):
    """Sessions, for calls."""

    def hold(self, tenant: str, session_id: str) -> AbstractAsyncContextManager[CallSession]:
        """Take a session for one call. Aborted while another call or turn has it."""
        ...


class CallMetrics(Protocol):
    """Counts what calls do."""

    def answer_begun_early(self) -> None:
        """Count an answer that was begun before the turn was over."""
        ...

    def answer_anticipated(self) -> None:
        """Count one of these that was used."""
        ...

    def answer_interrupted(self) -> None:
        """Count an answer that the customer interrupted."""
        ...

    def final_heard(self, seconds: float) -> None:
        """Note how long after the decision that a turn is over its words were final."""
        ...


@dataclass(frozen=True, slots=True)
class CallPorts:
    """Everything that a call uses.

    ``pack`` puts Opus packets into a container, so that what is stored can be heard.
    """

    recognizer: LiveRecognizer
    perception: Perception
    answering: Answering
    sessions: CallSessions
    clock: Clock
    metrics: CallMetrics
    pack: Callable[[Sequence[bytes]], bytes]
    plan: BudgetPlan = field(default_factory=BudgetPlan)
