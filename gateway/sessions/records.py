"""What is read back of a conversation. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.turn.types import AudioInput, TimedEvent


class MediaKind(StrEnum):
    """What a stored medium is."""

    CUSTOMER_AUDIO = "CUSTOMER_AUDIO"
    CUSTOMER_IMAGE = "CUSTOMER_IMAGE"
    ANSWER_AUDIO = "ANSWER_AUDIO"


@dataclass(frozen=True, slots=True)
class MediaReference:
    """A stored medium: its kind, hash and size."""

    kind: MediaKind
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn as it was stored. ``events`` is empty unless the turn was completed, and has no audio.

    ``audio_coding`` says how the customer's audio is to be read, without its bytes.
    """

    turn_id: str
    number: int
    accepted_at: datetime
    text: str
    language_code: str
    events: tuple[TimedEvent, ...]
    media: tuple[MediaReference, ...]
    audio_coding: AudioInput | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A page of a session's turns; ``more`` says whether others follow."""

    session_id: str
    created_at: datetime
    domain_version: str
    turns: tuple[StoredTurn, ...]
    more: bool
