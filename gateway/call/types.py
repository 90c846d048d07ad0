"""What a live call is made of: what comes in of the customer, and the events that go out. Pure."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from gateway.turn.hearing import CustomerAudio, StreamFormat
from gateway.turn.turn_end import EndOfTurnReason
from gateway.turn.turn_taking import TurnTaking
from gateway.turn.types import ImageInput, SpeechRequest, TurnEvent


@dataclass(frozen=True, slots=True)
class CallConfig:
    """How one call is held. ``speech`` has the coding of ``stream_format``."""

    tenant: str
    domain: str
    """Domain that a new session is pinned to."""
    session_id: str
    stream_format: StreamFormat
    speech: SpeechRequest
    turn_taking: TurnTaking = field(default_factory=TurnTaking)


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Bounds of a call. Each is a promise that memory and time stay bounded."""

    idle_seconds: float = 30.0
    """Without any message from the client, or while it reads nothing."""
    call_seconds: float = 7200.0
    turn_seconds: float = 60.0
    """What a turn's understanding, answering and synthesis may take."""
    final_seconds: float = 10.0
    """Wait for the words of an utterance that is over."""
    lead_seconds: float = 1.0
    """How far the answer's audio runs ahead of what was played."""
    text_characters: int = 4_000
    images: int = 8
    audio_bytes: int = 16 * 1024 * 1024
    """Audio of one turn that is stored; what is said beyond is heard, and not stored."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What the customer typed."""

    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the customer showed."""

    image: ImageInput


@dataclass(frozen=True, slots=True)
class Pressed:
    """Keys that the customer pressed, of 0-9 * # A-D."""

    digits: str


@dataclass(frozen=True, slots=True)
class PlaybackReport:
    """How far the answer of a turn was played."""

    turn_id: str
    position: timedelta


@dataclass(frozen=True, slots=True)
class HungUp:
    """The customer hangs up."""


CallInput = CustomerAudio | Typed | Shown | Pressed | PlaybackReport | HungUp


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The call is held."""

    turn_taking: TurnTaking


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The customer began to speak at ``start`` of his audio."""

    start: timedelta


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """All words of the turn so far; the first ``stable_word_count`` never change again."""

    text: str
    stable_word_count: int
    stability: float


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """The customer's turn is over. ``anticipated``: its answer was begun before, and is used."""

    reason: EndOfTurnReason
    silence: timedelta
    anticipated: bool


@dataclass(frozen=True, slots=True)
class CallAudio:
    """A piece of the answer's speech, ``position`` from the start of the answer."""

    audio: bytes
    position: timedelta


@dataclass(frozen=True, slots=True)
class PlaybackStop:
    """Nothing more is to be played; ``position`` counts as heard."""

    position: timedelta


@dataclass(frozen=True, slots=True)
class NoInput:
    """The customer has said nothing for a while, ``count`` times in a row."""

    count: int


class GoodbyeReason(StrEnum):
    """Why a call ended."""

    HANG_UP = "HANG_UP"
    HALF_CLOSE = "HALF_CLOSE"
    HANDOFF = "HANDOFF"
    SHUTDOWN = "SHUTDOWN"


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The call is over; the last event."""

    reason: GoodbyeReason


CallEvent = (
    CallStarted
    | SpeechStarted
    | PartialTranscript
    | EndOfTurn
    | CallAudio
    | PlaybackStop
    | NoInput
    | Goodbye
    | TurnEvent
)


@dataclass(frozen=True, slots=True)
class TimedCallEvent:
    """An event, the time since the call began, and its turn ("": the call's own)."""

    offset: timedelta
    turn_id: str
    event: CallEvent
