"""The stages of one turn: each within its share of the turn's time, and noted when it ran. Pure."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from gateway.turn.budget import Budget, BudgetPlan
from gateway.turn.ports import Clock
from gateway.turn.types import Stage, StageTiming
from services.serving.errors import DeadlineExceeded

T = TypeVar("T")


class Stages:
    """Runs a turn's stages. The turn begins with its construction."""

    def __init__(self, clock: Clock, total_seconds: float, plan: BudgetPlan) -> None:
        self._clock = clock
        self._start = clock.monotonic()
        self._budget = Budget(clock, total_seconds, plan)
        self._timings: list[StageTiming] = []

    def seconds_for(self, stage: Stage) -> float:
        """Seconds that a stage starting now may take. DeadlineExceeded when none are left."""
        return self._budget.seconds_for(stage)

    async def needed(self, stage: Stage, seconds: float, call: Awaitable[T]) -> T:
        """Run a stage that the turn cannot do without; DeadlineExceeded after ``seconds``."""
        try:
            with self.timed(stage):
                async with asyncio.timeout(seconds):
                    return await call
        except (TimeoutError, DeadlineExceeded) as error:
            raise self._budget.exceeded(stage) from error

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Note when the block ran."""
        start = self.offset()
        try:
            yield
        finally:
            self._timings.append(StageTiming(stage, start, self.offset() - start))

    def timings(self) -> tuple[StageTiming, ...]:
        """Return the stages that ran, by their start."""
        return tuple(sorted(self._timings, key=lambda timing: timing.start))

    def offset(self) -> timedelta:
        """Return the time since the turn began."""
        return timedelta(seconds=self._clock.monotonic() - self._start)
