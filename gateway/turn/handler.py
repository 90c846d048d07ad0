"""One turn: perceive, answer, speak, store, and pass every result on at once. Pure."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace

from gateway.turn.background import background
from gateway.turn.budget import BudgetPlan
from gateway.turn.features import CustomerInput
from gateway.turn.perception import Perceived, Perception
from gateway.turn.ports import Clock, Dialogue, OpenTurn, Synthesizer, TurnStore
from gateway.turn.stages import Stages
from gateway.turn.types import (
    AnswerText,
    CustomerTurn,
    DialogueCompleted,
    Notice,
    SpeechRequest,
    Stage,
    TimedEvent,
    TurnCompleted,
    TurnEvent,
    TurnStarted,
    Understood,
)
from services.serving.errors import FrontdeskError, Unavailable


@dataclass(frozen=True, slots=True)
class TurnPorts:
    """Everything that a turn uses."""

    perception: Perception
    dialogue: Dialogue
    synthesizer: Synthesizer
    store: TurnStore
    clock: Clock


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How a turn's time is spent.

    Speech is given up when no audio comes for ``speech_stall_seconds``.
    """

    plan: BudgetPlan = field(default_factory=BudgetPlan)
    speech_stall_seconds: float = 10.0


class TurnHandler:
    """Takes turns. Holds nothing between them."""

    def __init__(self, ports: TurnPorts, limits: TurnLimits) -> None:
        self._ports = ports
        self._limits = limits

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
        stages = Stages(self._ports.clock, budget_seconds, self._limits.plan)
        run = _Run(self._ports, self._limits, turn, stages, events.put_nowait)
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
        limits: TurnLimits,
        turn: CustomerTurn,
        stages: Stages,
        send: Callable[[TimedEvent], None],
    ) -> None:
        self._ports = ports
        self._limits = limits
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
        answer = await self._answer(opened, customer)
        completed = TurnCompleted(answer.decision, answer.answer, self._stages.timings())
        with self._stages.timed(Stage.STORE):
            await opened.complete((*self._events, self._now(completed)), answer.state)
        self._emit(replace(completed, timings=self._stages.timings()))

    async def _answer(self, opened: OpenTurn, customer: CustomerInput) -> DialogueCompleted:
        seconds = self._stages.seconds_for(Stage.DIALOGUE)
        stream = self._ports.dialogue.respond(
            customer, opened.state, self._turn.domain, timeout_seconds=seconds
        )
        answer = _WrittenAnswer()
        async with background(self._speak(answer)) as speaking:
            completed = await self._stages.needed(Stage.DIALOGUE, seconds, self._write(stream, answer))
            await speaking
        return completed

    async def _write(
        self, stream: AsyncGenerator[TurnEvent | DialogueCompleted], answer: "_WrittenAnswer"
    ) -> DialogueCompleted:
        completed = None
        async with aclosing(stream):
            async for event in stream:
                if isinstance(event, DialogueCompleted):
                    completed = event
                    continue
                self._emit(event)
                if isinstance(event, Understood):
                    answer.language_code = event.language_code
                elif isinstance(event, AnswerText):
                    answer.append(event.delta)
        if completed is None:
            raise Unavailable(
                "DIALOGUE_INCOMPLETE", "dialogue ended without completing its answer: try again"
            )
        answer.end()
        return completed

    async def _speak(self, answer: "_WrittenAnswer") -> None:
        """Speak the answer while it is being written; what goes wrong becomes a notice."""
        if self._turn.speech is None or not await answer.has_begun():
            return
        speech = self._turn.speech
        if not speech.language_code and not speech.voice:
            speech = replace(speech, language_code=answer.language_code)
        try:
            with self._stages.timed(Stage.TTS):
                await self._synthesize(answer, speech)
        except (FrontdeskError, TimeoutError) as error:
            cause = str(error) or "no audio came in time"
            message = f"the answer's speech is missing or incomplete: {cause}"
            self._emit(Notice(Stage.TTS, "SPEECH_UNAVAILABLE", message))

    async def _synthesize(self, answer: "_WrittenAnswer", speech: SpeechRequest) -> None:
        seconds = self._stages.seconds_for(Stage.TTS)
        audio = self._ports.synthesizer.speak(answer.texts(), speech, timeout_seconds=seconds)
        async with asyncio.timeout(seconds), aclosing(audio):
            while True:
                async with asyncio.timeout(self._limits.speech_stall_seconds):
                    piece = await anext(audio, None)
                if piece is None:
                    return
                self._emit(piece)

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


class _WrittenAnswer:
    """The answer's text on its way from dialogue to speech."""

    def __init__(self) -> None:
        self.language_code = ""
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._first: str | None = None

    def append(self, piece: str) -> None:
        """Add what was written."""
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        """Say that nothing follows."""
        self._pieces.put_nowait(None)

    async def has_begun(self) -> bool:
        """Wait for the first piece; False when the answer ends without one."""
        self._first = await self._pieces.get()
        return self._first is not None

    async def texts(self) -> AsyncIterator[str]:
        """Yield all pieces as they are written."""
        piece = self._first
        while piece is not None:
            yield piece
            piece = await self._pieces.get()
