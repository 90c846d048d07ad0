"""What a turn needs from outside. Pure.

Every call raises ``services.serving.errors``: Unavailable when the peer cannot be
reached, DeadlineExceeded after ``timeout_seconds``, and the peer's own refusals.
Cancelling a call, or closing its iterator, cancels it at the peer.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from gateway.turn.features import CustomerInput, Embedding, Heard, ImageFeatures
from gateway.turn.types import (
    AnswerAudio,
    AudioInput,
    CustomerTurn,
    DialogueEvent,
    DialogueState,
    ImageInput,
    SpeechRequest,
    TimedEvent,
)


class Clock(Protocol):
    """Time, so that tests can make it."""

    def monotonic(self) -> float:
        """Seconds that never go back, on the clock of the event loop."""
        ...

    def now(self) -> datetime:
        """The time of day, with UTC as its zone."""
        ...


class Recognizer(Protocol):
    """Speech to text."""

    async def recognize(
        self, audio: AudioInput, *, include_acoustic_features: bool, timeout_seconds: float
    ) -> Heard:
        """Hear one utterance. InvalidArgument or ResourceExhausted for audio that cannot be used."""
        ...


class ImageReader(Protocol):
    """Pictures to features."""

    async def annotate(self, image: ImageInput, domain: str, *, timeout_seconds: float) -> ImageFeatures:
        """Look at one picture: vectors, words, and labels of the domain.

        InvalidArgument or ResourceExhausted, by the field ``content``, for a picture
        that cannot be used.
        """
        ...


class TextEmbedder(Protocol):
    """Text to vectors."""

    async def embed_queries(
        self, texts: Sequence[str], *, include_tokens: bool, timeout_seconds: float
    ) -> tuple[Embedding, ...]:
        """Embed what a customer said or showed: as many as texts, each 1 to 10,000 characters."""
        ...


class Dialogue(Protocol):
    """Understanding and answering."""

    def respond(
        self, customer: CustomerInput, state: DialogueState | None, domain: str, *, timeout_seconds: float
    ) -> AsyncGenerator[DialogueEvent]:
        """Answer one turn: Understood first, DialogueCompleted last.

        Without text, and without a picture that was seen, the customer is asked
        for a question. No ``state`` begins a session.
        """
        ...


class Synthesizer(Protocol):
    """Text to speech."""

    def speak(
        self, texts: AsyncIterator[str], speech: SpeechRequest, *, timeout_seconds: float
    ) -> AsyncGenerator[AnswerAudio]:
        """Speak text while it is still being written, until ``texts`` ends."""
        ...


class OpenTurn(Protocol):
    """A turn that is under way; no other turn of its session is."""

    @property
    def replay(self) -> Sequence[TimedEvent]:
        """The stored events, where this very turn was completed before; otherwise none."""
        ...

    @property
    def state(self) -> DialogueState | None:
        """The session's state before this turn; None for a new session."""
        ...

    async def complete(self, events: Sequence[TimedEvent], state: DialogueState | None) -> None:
        """Store the turn's events, its speech and the session's next state, all or nothing, durably.

        Without ``state`` the session's stays as it is.
        """
        ...


class TurnStore(Protocol):
    """Sessions and turns, durable."""

    def open(self, turn: CustomerTurn) -> AbstractAsyncContextManager[OpenTurn]:
        """Accept a turn: its input is durable when this is entered.

        A turn that was accepted and never completed may be opened again with the
        same content. AlreadyExists when the id stands for other content; Aborted
        while another turn of the session is open.
        """
        ...
