"""The ports of a turn, scripted: what they answer, after how many (virtual) seconds, or how they fail."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from gateway.turn.features import (
    AcousticFeatures,
    CustomerInput,
    Embedding,
    Heard,
    ImageFeatures,
    TokenEmbedding,
)
from gateway.turn.types import (
    AnswerAudio,
    AnswerText,
    AudioInput,
    BoundingBox,
    Citation,
    CustomerTurn,
    Decision,
    DialogueCompleted,
    DialogueEvent,
    DialogueState,
    ImageInput,
    ImageLabel,
    IntentScore,
    SpeechFormat,
    SpeechRequest,
    TextLine,
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
    """Hears ``transcript``, and ``acoustic`` where it was asked for."""

    def __init__(self, transcript: Transcript | None = None) -> None:
        self.transcript = transcript or Transcript("where is my order", "en", 0.9)
        self.acoustic = AcousticFeatures((0.5, 0.25), 2, timedelta(seconds=0.1), "acoustic@1")
        self.work = Work()

    async def recognize(
        self, audio: AudioInput, *, include_acoustic_features: bool, timeout_seconds: float
    ) -> Heard:
        await self.work.run(audio, timeout_seconds)
        return Heard(self.transcript, self.acoustic if include_acoustic_features else None)


class FakeImageReader:
    """Sees in every picture its own bytes as words; ``works`` says how it goes for some."""

    def __init__(self) -> None:
        self.work = Work()
        self.works: dict[bytes, Work] = {}
        self.looking = 0
        self.most_at_once = 0

    async def annotate(self, image: ImageInput, domain: str, *, timeout_seconds: float) -> ImageFeatures:
        self.looking += 1
        self.most_at_once = max(self.most_at_once, self.looking)
        try:
            await self.works.get(image.content, self.work).run(image, domain, timeout_seconds)
        finally:
            self.looking -= 1
        return features_of(image)


def features_of(image: ImageInput) -> ImageFeatures:
    """What the fake sees in a picture."""
    text = image.content.decode()
    line = TextLine(text, BoundingBox(0.25, 0.25, 0.5, 0.125), 0.75)
    return ImageFeatures(
        pooled=(1.0, 2.0),
        regions=(1.0, 2.0),
        region_rows=1,
        region_columns=1,
        lines=(line,) if text else (),
        labels=(ImageLabel("modem", 0.5),),
        products=(ImageLabel("brook-r2", 0.75),),
        kinds=(ImageLabel("device_panel", 0.75),),
        embedding_model="encoder@1",
    )


class FakeEmbedder:
    """Embeds everything as the same vector, but for the tokens: the text's words."""

    def __init__(self) -> None:
        self.embedding = Embedding((1.0, 0.0), "encoder@1")
        self.work = Work()

    async def embed_queries(
        self, texts: Sequence[str], *, include_tokens: bool, timeout_seconds: float
    ) -> tuple[Embedding, ...]:
        await self.work.run(tuple(texts), include_tokens)
        return tuple(self.of(text) if include_tokens else self.embedding for text in texts)

    def of(self, text: str) -> Embedding:
        """What a text is embedded as with its tokens."""
        return replace(
            self.embedding, tokens=tuple(TokenEmbedding(word, (0.5, 0.5)) for word in text.split())
        )


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
        self, customer: CustomerInput, state: DialogueState | None, domain: str, *, timeout_seconds: float
    ) -> AsyncGenerator[DialogueEvent]:
        await self.work.run(customer, state, domain)
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
        self.completed: dict[str, tuple[Sequence[TimedEvent], DialogueState | None]] = {}
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

    async def complete(self, events: Sequence[TimedEvent], state: DialogueState | None) -> None:
        await self._store.completing.run(events, state)
        self._store.completed[self._turn.turn_id] = (tuple(events), state)
