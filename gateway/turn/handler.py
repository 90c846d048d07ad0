"""One turn: perceive, answer, speak, store, and pass every result on at once. Pure."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from gateway.turn.answering import Answering
from gateway.turn.background import background
from gateway.turn.budget import BudgetPlan
from gateway.turn.perception import Perceived, Perception
from gateway.turn.ports import Clock, OpenTurn, TurnStore
from gateway.turn.stages import Stages
from gateway.turn.types import CustomerTurn, Stage, TimedEvent, TurnCompleted, TurnEvent, TurnStarted


@dataclass(frozen=True, slots=True)
class TurnPorts:
    """Everything that a turn uses."""

    perception: Perception
    answering: Answering
    store: TurnStore
    clock: Clock
    plan: BudgetPlan = field(default_factory=BudgetPlan)
    """How a turn's time is spent."""


class TurnHandler:
    """Takes turns. Holds nothing between them."""

    def __init__(self, ports: TurnPorts) -> None:
        self._ports = ports

    async def handle(self, turn: CustomerTurn, *, budget_seconds: float) -> AsyncGenerator[TimedEvent]:
        """Yield the events of one turn as they come; TurnCompleted is the last and means: durable.

        Texts, citations and audio keep their own order, and a text always comes
        before its audio. Closing the generator cancels all that is under way;
        the turn may then be taken again by the same id.

        Raises Unavailable when hearing, understanding or storing fails,
        DeadlineExceeded after ``budget_seconds``, and what the store
        (AlreadyExists, Aborted) and the stages (InvalidArgument, …) refuse.
        Failing vision and failing speech are a Notice.
        """
        events: asyncio.Queue[TimedEvent | None] = asyncio.Queue()
        stages = Stages(self._ports.clock, budget_seconds, self._ports.plan)
        run = _Run(self._ports, turn, stages, events.put_nowait)
        async with background(run.to_end()) as task:
            task.add_done_callback(lambda _: events.put_nowait(None))
            while (event := await events.get()) is not None:
                yield event
            await task


class _Run:
    """One turn on its way."""

    def __init__(
        self,
        ports: TurnPorts,
        turn: CustomerTurn,
        stages: Stages,
        send: Callable[[TimedEvent], None],
    ) -> None:
        self._ports = ports
        self._turn = turn
        self._stages = stages
        self._send = send
        self._events: list[TimedEvent] = []
        self._started = False
        self._early: list[TurnEvent] = []
        """What was perceived before the turn was accepted."""

    async def to_end(self) -> None:
        """Take the turn, or replay it where it was completed before.

        Perception begins while the turn is being stored: the customer waits for the longer one only.
        """
        perceive = self._ports.perception.perceive(self._turn, self._stages, self._tell)
        async with background(perceive) as perceiving, AsyncExitStack() as until_end:
            with self._stages.timed(Stage.STORE):
                opened = await until_end.enter_async_context(self._ports.store.open(self._turn))
            if opened.replay:
                self._replay(opened)
            else:
                await self._take(opened, perceiving)

    def _replay(self, opened: OpenTurn) -> None:
        for stored in opened.replay:
            event = stored.event
            self._emit(replace(event, replayed=True) if isinstance(event, TurnCompleted) else event)

    async def _take(self, opened: OpenTurn, perceiving: Awaitable[Perceived]) -> None:
        self._emit(TurnStarted())
        self._started = True
        for event in self._early:
            self._emit(event)
        customer = await self._ports.perception.embed(await perceiving, self._stages)
        answer = await self._ports.answering.answer(
            customer, opened.state, self._turn.domain, self._turn.speech, self._stages, self._emit
        )
        completed = TurnCompleted(answer.decision, answer.answer, self._stages.timings())
        with self._stages.timed(Stage.STORE):
            await opened.complete((*self._events, self._now(completed)), answer.state)
        self._emit(replace(completed, timings=self._stages.timings()))

    def _tell(self, event: TurnEvent) -> None:
        if self._started:
            self._emit(event)
        else:
            self._early.append(event)

    def _now(self, event: TurnEvent) -> TimedEvent:
        return TimedEvent(self._stages.offset(), event)

    def _emit(self, event: TurnEvent) -> None:
        timed = self._now(event)
        self._events.append(timed)
        self._send(timed)
