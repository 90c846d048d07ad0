"""A turn's deadline, divided among its stages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.turn.ports import Clock
from gateway.turn.types import Stage
from services.serving.errors import DeadlineExceeded

_SHARES = MappingProxyType(
    {Stage.ASR: 0.6, Stage.VISION: 0.5, Stage.TEXT: 0.5, Stage.DIALOGUE: 0.9, Stage.TTS: 1.0}
)
_MOST_SECONDS = MappingProxyType({Stage.VISION: 15.0})  # the turn can do without it


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """How a turn's time is divided.

    A stage may use ``shares[stage]`` of the time that remains when it starts, so
    that a stage that hangs leaves time for what follows, and at most
    ``most_seconds[stage]``. ``reserve_seconds`` are kept back for storing and for
    the last message.
    """

    shares: Mapping[Stage, float] = field(default_factory=lambda: _SHARES)
    most_seconds: Mapping[Stage, float] = field(default_factory=lambda: _MOST_SECONDS)
    reserve_seconds: float = 0.2

    def __post_init__(self) -> None:
        """Refuse shares that are no shares."""
        wrong = {stage: share for stage, share in self.shares.items() if not 0 < share <= 1}
        if wrong:
            raise ValueError(f"a stage's share of the remaining time lies above 0 and up to 1, not {wrong}")


class Budget:
    """The time of one turn, running from its construction."""

    def __init__(self, clock: Clock, total_seconds: float, plan: BudgetPlan) -> None:
        self._clock = clock
        self._total = total_seconds
        self._end = clock.monotonic() + total_seconds
        self._plan = plan

    def seconds_for(self, stage: Stage) -> float:
        """Seconds that a stage starting now may take. DeadlineExceeded when none are left."""
        remaining = self._end - self._clock.monotonic() - self._plan.reserve_seconds
        if remaining <= 0:
            raise self.exceeded(stage)
        share = remaining * self._plan.shares.get(stage, 1.0)
        return min(share, self._plan.most_seconds.get(stage, share))

    def exceeded(self, stage: Stage) -> DeadlineExceeded:
        """Build the error of a turn whose time ran out in ``stage``."""
        return DeadlineExceeded(
            "TURN_DEADLINE_EXCEEDED",
            f"the turn's time ({self._total:.2g} s) did not suffice for stage {stage}: "
            "allow the call more time, or try again when the system is less busy",
            metadata={"stage": str(stage)},
        )
