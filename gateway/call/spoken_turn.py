"""A turn of a call from its end on: stored, answered, played, and closed as far as it was heard. Pure."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from gateway.call.begun_answer import BegunAnswer
from gateway.call.coding import AudioCoding
from gateway.call.gathering import Gathering
from gateway.call.heard_words import heard_words
from gateway.call.playback import Playback
from gateway.call.ports import CallSession
from gateway.call.types import CallAudio, CallEvent, PlaybackStop
from gateway.turn.types import (
    AnswerAudio,
    AnswerText,
    CustomerTurn,
    Decision,
    DialogueState,
    Handoff,
    Notice,
    Stage,
    TimedEvent,
    Transcript,
    TurnCompleted,
    TurnEvent,
    TurnStarted,
)
from services.serving.errors import DeadlineExceeded, ResourceExhausted, Unavailable

_TURNS_OWN = (Unavailable, DeadlineExceeded, ResourceExhausted)
"""What fails one turn, and not the call."""


class SpokenTurn:
    """Advances by ``advance``, which never waits; what takes time runs beside and calls ``changed``."""

    def __init__(
        self,
        turn: CustomerTurn,
        gathering: Gathering,
        answer: BegunAnswer,
        session: CallSession,
        coding: AudioCoding,
        lead_seconds: float,
        pack: Callable[[Sequence[bytes]], bytes],
        changed: Callable[[], None],
    ) -> None:
        self.turn_id = turn.turn_id
        self.gathering = gathering
        self.playback = Playback(coding, lead_seconds)
        self.handed_off = False
        self._turn = turn
        self._answer = answer
        self._session = session
        self._coding = coding
        self._pack = pack
        self._transcript: Transcript | None = gathering.transcript()
        self._text = ""
        self._events: list[TimedEvent] = []
        self._heard: list[bytes] = []
        self._audio_began: timedelta | None = None
        self._accepted = self._told = False
        self._over = asyncio.Event()
        self._completed: TurnCompleted | None = None
        self._state: DialogueState | None = None
        self._changed = changed
        self._task = asyncio.create_task(self._store())
        self._task.add_done_callback(lambda _: changed())

    @property
    def over(self) -> bool:
        """Whether the answer was played, interrupted or given up: what remains is to store the turn."""
        return self._over.is_set()

    @property
    def closed(self) -> bool:
        """Whether the turn is stored. Raises what storing failed with."""
        if not self._task.done():
            return False
        self._task.result()
        return True

    @property
    def state(self) -> DialogueState | None:
        """The session's state after a turn that is over; None: as before."""
        return self._state

    @property
    def heard(self) -> str:
        """The answer as far as it was heard, of a turn that is over."""
        return self._completed.answer if self._completed else ""

    def advance(self, now: float) -> Iterator[CallEvent]:
        """Yield what can be told now. Raises what storing failed with, and what ends the call."""
        if self._task.done():
            self._task.result()
        if not self._accepted:
            return
        if not self._told:
            self._told = True
            yield self._happened(TurnStarted())
            if self._transcript is not None:
                yield self._happened(self._transcript)
        if not self.over:
            yield from self._answered(now)

    def last(self) -> TurnCompleted | None:
        """The last event of a turn that is closed; None where it has no answer."""
        if self._completed is None:
            return None
        return replace(self._completed, timings=self._answer.stages.timings())

    def heard_so_far(self, now: float) -> str:
        """The words of the answer that were played."""
        playback = self.playback
        return heard_words(self._text, playback.position(now), playback.seconds, all_spoken=playback.complete)

    def stop(self, now: float) -> PlaybackStop | None:
        """Stop playing, for now; None where nothing was played."""
        begun = self.playback.begun
        position = self.playback.stop(now)
        return PlaybackStop(timedelta(seconds=position)) if begun else None

    def interrupt(self, now: float) -> None:
        """End the turn with what was heard of its answer, and stop all that works for it."""
        if self.over:
            return
        position = self.playback.stop(now)
        known = self._answer.completed if self._answer.done and not self._answer.failed else None
        self._close(now, known.decision if known else Decision.ANSWER, interrupted=True)
        self._state = known.state if known and position > 0 else None
        self._answer.cancel()

    async def ended(self) -> None:
        """Wait until a turn that is over is stored, or cannot be, and nothing of it runs."""
        await self._answer.ended()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # seen: asyncio need not complain of it

    def _answered(self, now: float) -> Iterator[CallEvent]:
        for event in self._answer.take():
            if isinstance(event, AnswerAudio):
                self.playback.add(event.audio)
                continue
            if isinstance(event, AnswerText):
                self._text += event.delta
            self.handed_off = self.handed_off or isinstance(event, Handoff)
            yield self._happened(event)
        if self._answer.done and not self.playback.complete:
            try:
                _ = self._answer.completed
            except _TURNS_OWN as error:
                yield from self._fail(error)
                return
            self.playback.end()
        for frame, position in self.playback.take(now):
            self._audio_began = self._audio_began or self._answer.stages.offset()
            yield CallAudio(frame, timedelta(seconds=position))
        completed = self._answer.completed if self._answer.done else None
        if completed and self.playback.finished(now):
            self._text = completed.answer
            self._close(now, completed.decision, interrupted=False)
            self._state = completed.state

    def _fail(self, error: Unavailable | DeadlineExceeded | ResourceExhausted) -> Iterator[CallEvent]:
        """Give the turn up: it stays without answer and without turn_completed."""
        stage = error.metadata.get("stage", str(Stage.DIALOGUE))
        yield Notice(Stage(stage), error.reason, f"the turn has no answer: {error.message}")
        self._over.set()

    def _close(self, now: float, decision: Decision, *, interrupted: bool) -> None:
        answer = self.heard_so_far(now) if interrupted else self._text
        self._heard = self.playback.heard(now)
        self._completed = TurnCompleted(
            decision, answer, self._answer.stages.timings(), interrupted=interrupted
        )
        self._over.set()

    async def _store(self) -> None:
        stages = self._answer.stages
        async with AsyncExitStack() as until_end:
            with stages.timed(Stage.STORE):
                opened = await until_end.enter_async_context(self._session.open(self._turn))
            self._accepted = True
            self._changed()
            await self._over.wait()
            if self._completed is not None:
                with stages.timed(Stage.STORE):
                    await opened.complete(self._stored_events(self._completed), self._state)

    def _stored_events(self, completed: TurnCompleted) -> list[TimedEvent]:
        """Return what was told, but of the answer only what was heard."""
        left = len(completed.answer)
        events = []
        for timed in self._events:
            if isinstance(timed.event, AnswerText):
                delta = timed.event.delta[:left]
                left -= len(delta)
                if delta:
                    events.append(replace(timed, event=AnswerText(delta)))
            else:
                events.append(timed)
        if self._heard and self._audio_began is not None:
            packed = self._pack(self._heard) if self._coding.is_packets else b"".join(self._heard)
            events.append(TimedEvent(self._audio_began, AnswerAudio(packed)))
        return [*events, TimedEvent(self._answer.stages.offset(), completed)]

    def _happened(self, event: TurnEvent) -> TurnEvent:
        self._events.append(TimedEvent(self._answer.stages.offset(), event))
        return event
