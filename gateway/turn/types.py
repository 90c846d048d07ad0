"""What a turn is made of: the customer's input, and the events that come of it. Pure.

Language codes are "en" or "zh"; "" means not known or not named.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Stage(StrEnum):
    """A stage of a turn."""

    ASR = "ASR"
    VISION = "VISION"
    TEXT = "TEXT"
    DIALOGUE = "DIALOGUE"
    TTS = "TTS"
    STORE = "STORE"


class Decision(StrEnum):
    """What kind of response was decided."""

    ANSWER = "ANSWER"
    ASK_BACK = "ASK_BACK"
    HANDOFF = "HANDOFF"


class HandoffReason(StrEnum):
    """Why a conversation goes to a person."""

    REQUESTED = "REQUESTED"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    POLICY = "POLICY"


class AudioEncoding(StrEnum):
    """How the customer's audio is coded."""

    LINEAR16 = "LINEAR16"
    MULAW = "MULAW"
    ALAW = "ALAW"
    WAV = "WAV"
    FLAC = "FLAC"
    OGG_OPUS = "OGG_OPUS"
    MP3 = "MP3"
    OPUS = "OPUS"
    """Packets without a container; in calls only."""


class SpeechEncoding(StrEnum):
    """How the answer's audio is coded."""

    LINEAR16 = "LINEAR16"
    MULAW = "MULAW"
    ALAW = "ALAW"
    WAV = "WAV"
    OPUS = "OPUS"
    """Packets of 20 ms without a container, 48 kHz; in calls only."""


@dataclass(frozen=True, slots=True)
class AudioInput:
    """Speech of the customer. None, 0 and "" mean: sniffed, as in the header, detected."""

    content: bytes
    encoding: AudioEncoding | None = None
    sample_rate_hertz: int = 0
    channel_count: int = 0
    language_code: str = ""


@dataclass(frozen=True, slots=True)
class ImageInput:
    """A picture of the customer's, with the type that its first bytes show ("image/png")."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class SpeechFormat:
    """Coding of the answer's audio; one channel."""

    encoding: SpeechEncoding = SpeechEncoding.LINEAR16
    sample_rate_hertz: int = 24_000


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """The speech wanted back. "" and 0.0 mean the default voice, its language and its pace."""

    format: SpeechFormat = SpeechFormat()
    voice: str = ""
    language_code: str = ""
    speaking_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class CustomerTurn:
    """One turn as it was received: any of text, audio and images."""

    tenant: str
    domain: str
    """Domain that a new session is pinned to."""
    session_id: str
    turn_id: str
    text: str = ""
    audio: AudioInput | None = None
    images: tuple[ImageInput, ...] = ()
    language_code: str = ""
    speech: SpeechRequest | None = None


@dataclass(frozen=True, slots=True)
class DialogueState:
    """What dialogue needs to remember; ``encoded`` is stored and handed back as it is."""

    encoded: bytes
    domain_version: str


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The turn was accepted: its input is stored."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was heard, with its times from the start of the audio."""

    text: str
    start: timedelta
    end: timedelta
    confidence: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard; no text means that nobody spoke."""

    text: str
    language_code: str
    confidence: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A box in an upright picture, in fractions of its width and height, 0 to 1."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of words in a picture, with the probability of the reading."""

    text: str
    box: BoundingBox
    confidence: float


@dataclass(frozen=True, slots=True)
class ImageLabel:
    """A label of a picture with its probability."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class ImageSeen:
    """What was seen in one picture; ``image_index`` counts the turn's pictures from 0.

    Lines in reading order; products and kinds are the domain's, labels ImageNet's,
    each most likely first.
    """

    image_index: int
    lines: tuple[TextLine, ...] = ()
    products: tuple[ImageLabel, ...] = ()
    kinds: tuple[ImageLabel, ...] = ()
    labels: tuple[ImageLabel, ...] = ()


@dataclass(frozen=True, slots=True)
class IntentScore:
    """An intent with its probability."""

    intent: str
    probability: float


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A product or a picture kind of the domain with its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class SeenImage:
    """The domain's picture that a picture of the turn shows ("": none), with its probability."""

    image_index: int
    picture_id: str
    probability: float


@dataclass(frozen=True, slots=True)
class PassageScore:
    """A passage with the probability that it answers the turn."""

    passage_id: str
    probability: float


@dataclass(frozen=True, slots=True)
class Understood:
    """What the turn means. What follows ``model`` is known of turns with pictures."""

    intents: tuple[IntentScore, ...]
    language_code: str
    confidence: float
    model: str
    products: tuple[LabelScore, ...] = ()
    kinds: tuple[LabelScore, ...] = ()
    seen: tuple[SeenImage, ...] = ()
    passages: tuple[PassageScore, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerText:
    """A piece of the answer's text."""

    delta: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of the answer."""

    passage_id: str
    title: str
    quote: str
    uri: str
    language_code: str
    source_version: str
    score: float


@dataclass(frozen=True, slots=True)
class AnswerPicture:
    """A picture of the knowledge base that goes with the answer's passage."""

    picture_id: str
    passage_id: str
    media_type: str
    content: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class AnswerAudio:
    """A piece of the answer's speech; the first piece says its format."""

    audio: bytes
    format: SpeechFormat | None = None


@dataclass(frozen=True, slots=True)
class Handoff:
    """The conversation goes to a person."""

    reason: HandoffReason
    summary: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The turn goes on without a stage."""

    stage: Stage
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StageTiming:
    """When a stage began, counted from the turn's start, and how long it ran."""

    stage: Stage
    start: timedelta
    duration: timedelta


@dataclass(frozen=True, slots=True)
class TurnCompleted:
    """The turn is done and durable."""

    decision: Decision
    answer: str
    timings: tuple[StageTiming, ...]
    replayed: bool = False
    interrupted: bool = False
    """The answer is what was heard of it before the customer interrupted."""


@dataclass(frozen=True, slots=True)
class DialogueCompleted:
    """The end of dialogue's answer."""

    decision: Decision
    answer: str
    state: DialogueState


TurnEvent = (
    TurnStarted
    | Transcript
    | ImageSeen
    | Understood
    | AnswerText
    | Citation
    | AnswerPicture
    | AnswerAudio
    | Handoff
    | Notice
    | TurnCompleted
)
DialogueEvent = Understood | AnswerText | Citation | AnswerPicture | Handoff | DialogueCompleted


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event, and the time from the receipt of the request to it."""

    offset: timedelta
    event: TurnEvent
