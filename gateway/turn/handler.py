"""One turn: hear, embed, answer, speak, store, and pass every result on at once. Pure."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from gateway.turn.budget import Budget, BudgetPlan
from gateway.turn.ports import Clock, Dialogue, OpenTurn, Recognizer, Synthesizer, TextEmbedder, TurnStore
from gateway.turn.types import (
    AnswerText,
    CustomerTurn,
    DialogueCompleted,
    Notice,
    SpeechRequest,
    Stage,
    StageTiming,
    TimedEvent,
    Transcript,
    TurnCompleted,
    TurnEvent,
    TurnStarted,
    Understood,
)
from services.serving.errors import DeadlineExceeded, FrontdeskError, Unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TurnPorts:
    """Everything outside that a turn uses."""

    recognizer: Recognizer
    embedder: TextEmbedder
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
        Failing speech is a Notice.
        """
        events: asyncio.Queue[TimedEvent | None] = asyncio.Queue()
        budget = Budget(self._ports.clock, budget_seconds, self._limits.plan)
        run = _Run(self._ports, self._limits, turn, budget, events.put_nowait)
        async with _background(run.to_end()) as task:
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
        budget: Budget,
        send: Callable[[TimedEvent], None],
    ) -> None:
        self._ports = ports
        self._limits = limits
        self._turn = turn
        self._budget = budget
        self._send = send
        self._start = ports.clock.monotonic()
        self._events: list[TimedEvent] = []
        self._timings: list[StageTiming] = []

    async def to_end(self) -> None:
        """Take the turn, or replay it where it was completed before.

        Hearing begins while the turn is being stored: the customer waits for the longer one only.
        """
        async with _background(self._hear()) as hearing, AsyncExitStack() as until_end:
            with self._timed(Stage.STORE):
                opened = await until_end.enter_async_context(self._ports.store.open(self._turn))
            if opened.replay:
                self._replay(opened)
            else:
                await self._take(opened, hearing)

    def _replay(self, opened: OpenTurn) -> None:
        for stored in opened.replay:
            event = stored.event
            self._emit(replace(event, replayed=True) if isinstance(event, TurnCompleted) else event)

    async def _take(self, opened: OpenTurn, hearing: Awaitable[Transcript | None]) -> None:
        self._emit(TurnStarted())
        if self._turn.images:
            message = "pictures are stored with the turn and not looked at in this release"
            self._emit(Notice(Stage.VISION, "PICTURES_NOT_SUPPORTED", message))
        transcript = await hearing
        if transcript:
            self._emit(transcript)
        said = transcript.text if transcript else ""
        text = "\n".join(part for part in (said, self._turn.text) if part.strip())
        language = self._turn.language_code or (transcript.language_code if transcript and said else "")
        answer = await self._answer(opened, text, language)
        completed = TurnCompleted(answer.decision, answer.answer, self._timings_by_start())
        with self._timed(Stage.STORE):
            await opened.complete((*self._events, self._now(completed)), answer.state)
        self._emit(replace(completed, timings=self._timings_by_start()))

    async def _hear(self) -> Transcript | None:
        audio = self._turn.audio
        if audio is None:
            return None
        if not audio.language_code:
            audio = replace(audio, language_code=self._turn.language_code)
        seconds = self._budget.seconds_for(Stage.ASR)
        call = self._ports.recognizer.recognize(audio, timeout_seconds=seconds)
        return await self._stage(Stage.ASR, seconds, call)

    async def _answer(self, opened: OpenTurn, text: str, language: str) -> DialogueCompleted:
        embedding = None
        if text:
            seconds = self._budget.seconds_for(Stage.TEXT)
            call = self._ports.embedder.embed_query(text, timeout_seconds=seconds)
            embedding = await self._stage(Stage.TEXT, seconds, call)
        seconds = self._budget.seconds_for(Stage.DIALOGUE)
        stream = self._ports.dialogue.respond(
            text,
            embedding,
            language,
            len(self._turn.images),
            opened.state,
            self._turn.domain,
            timeout_seconds=seconds,
        )
        answer = _WrittenAnswer()
        async with _background(self._speak(answer)) as speaking:
            completed = await self._stage(Stage.DIALOGUE, seconds, self._write(stream, answer))
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
            with self._timed(Stage.TTS):
                await self._synthesize(answer, speech)
        except (FrontdeskError, TimeoutError) as error:
            cause = str(error) or "no audio came in time"
            message = f"the answer's speech is missing or incomplete: {cause}"
            self._emit(Notice(Stage.TTS, "SPEECH_UNAVAILABLE", message))

    async def _synthesize(self, answer: "_WrittenAnswer", speech: SpeechRequest) -> None:
        seconds = self._budget.seconds_for(Stage.TTS)
        audio = self._ports.synthesizer.speak(answer.texts(), speech, timeout_seconds=seconds)
        async with asyncio.timeout(seconds), aclosing(audio):
            while True:
                async with asyncio.timeout(self._limits.speech_stall_seconds):
                    piece = await anext(audio, None)
                if piece is None:
                    return
                self._emit(piece)

    async def _stage(self, stage: Stage, seconds: float, call: Awaitable[T]) -> T:
        """Run a stage that the turn cannot do without."""
        try:
            with self._timed(stage):
                async with asyncio.timeout(seconds):
                    return await call
        except (TimeoutError, DeadlineExceeded) as error:
            raise self._budget.exceeded(stage) from error

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        start = self._offset()
        try:
            yield
        finally:
            self._timings.append(StageTiming(stage, start, self._offset() - start))

    def _timings_by_start(self) -> tuple[StageTiming, ...]:
        return tuple(sorted(self._timings, key=lambda timing: timing.start))

    def _offset(self) -> timedelta:
        return timedelta(seconds=self._ports.clock.monotonic() - self._start)

    def _now(self, event: TurnEvent) -> TimedEvent:
        return TimedEvent(self._offset(), event)

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


@asynccontextmanager
async def _background(work: Coroutine[None, None, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Run ``work`` beside the block; whatever ends the block ends the work before it is left."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: asyncio need not complain of it
