"""The ports of a turn, scripted: what they answer, after how many (virtual) seconds, or how they fail."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.turn.types import (
    AnswerAudio,
    AnswerText,
    AudioInput,
    Citation,
    CustomerTurn,
    Decision,
    DialogueCompleted,
    DialogueEvent,
    DialogueState,
    Embedding,
    IntentScore,
    SpeechFormat,
    SpeechRequest,
    TimedEvent,
    Transcript,
    Understood,
)

UNDERSTOOD = Understood((IntentScore("order_status", 0.75),), "en", 0.75, "intent_shop@1")
CITATION = Citation("orders.track", "Track", "You can track it.", "", "en", "shop@1", 0.03)
ANSWER = ("You can track it in your account. ", "It takes two days.")
STATE = DialogueState(b"state after", "shop@1")
COMPLETED = DialogueCompleted(Decision.ANSWER, "".join(ANSWER), STATE)


@dataclass
class Work:
    """How one call goes: it takes ``seconds``, then raises ``error`` if there is one."""

    seconds: float = 0.0
    error: Exception | None = None
    cancelled: bool = False
    calls: list[Any] = field(default_factory=list)

    async def run(self, *call: Any) -> None:
        self.calls.append(call)
        await self.wait(self.seconds)
        if self.error:
            raise self.error

    async def wait(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class FakeRecognizer:
    """Hears ``transcript``."""

    def __init__(self, transcript: Transcript | None = None) -> None:
        self.transcript = transcript or Transcript("where is my order", "en", 0.9)
        self.work = Work()

    async def recognize(self, audio: AudioInput, *, timeout_seconds: float) -> Transcript:
        await self.work.run(audio, timeout_seconds)
        return self.transcript


class FakeEmbedder:
    """Embeds everything as the same vector."""

    def __init__(self) -> None:
        self.embedding = Embedding((1.0, 0.0), "encoder@1")
        self.work = Work()

    async def embed_query(self, text: str, *, timeout_seconds: float) -> Embedding:
        await self.work.run(text, timeout_seconds)
        return self.embedding


class FakeDialogue:
    """Sends ``events``, one each ``seconds_between``; ``work`` runs before the first."""

    def __init__(self) -> None:
        self.events: Sequence[DialogueEvent | Exception] = (
            UNDERSTOOD,
            AnswerText(ANSWER[0]),
            CITATION,
            AnswerText(ANSWER[1]),
            COMPLETED,
        )
        self.seconds_between = 0.0
        self.work = Work()

    async def respond(
        self,
        text: str,
        embedding: Embedding | None,
        language_code: str,
        picture_count: int,
        state: DialogueState | None,
        domain: str,
        *,
        timeout_seconds: float,
    ) -> AsyncGenerator[DialogueEvent]:
        await self.work.run(text, embedding, language_code, picture_count, state, domain)
        for event in self.events:
            await self.work.wait(self.seconds_between)
            if isinstance(event, Exception):
                raise event
            yield event


class FakeSynthesizer:
    """Speaks each text as its UTF-8 bytes, after ``work``; ``fails_after`` pieces it raises ``error``."""

    def __init__(self) -> None:
        self.work = Work()
        self.error: Exception | None = None
        self.fails_after = 0
        self.spoken: list[str] = []

    async def speak(
        self, texts: AsyncIterator[str], speech: SpeechRequest, *, timeout_seconds: float
    ) -> AsyncGenerator[AnswerAudio]:
        self.work.calls.append((speech, timeout_seconds))
        async for text in texts:
            await self.work.wait(self.work.seconds)
            if self.error and len(self.spoken) == self.fails_after:
                raise self.error
            yield AnswerAudio(text.encode(), None if self.spoken else SpeechFormat())
            self.spoken.append(text)


class FakeTurnStore:
    """Keeps turns in memory; ``accepting`` and ``completing`` say how that goes."""

    def __init__(self) -> None:
        self.accepting = Work()
        self.completing = Work()
        self.state: DialogueState | None = None
        self.completed: dict[str, tuple[Sequence[TimedEvent], DialogueState]] = {}
        self.left = 0

    @asynccontextmanager
    async def open(self, turn: CustomerTurn) -> AsyncIterator["_Open"]:
        try:
            await self.accepting.run(turn)
            stored = self.completed.get(turn.turn_id)
            yield _Open(self, turn, stored[0] if stored else ())
        finally:
            self.left += 1


class _Open:
    def __init__(self, store: FakeTurnStore, turn: CustomerTurn, replay: Sequence[TimedEvent]) -> None:
        self._store = store
        self._turn = turn
        self.replay = replay
        self.state = store.state

    async def complete(self, events: Sequence[TimedEvent], state: DialogueState) -> None:
        await self._store.completing.run(events, state)
        self._store.completed[self._turn.turn_id] = (tuple(events), state)
