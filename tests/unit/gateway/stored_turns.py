"""A turn with everything that can come of it, and stores to put it into."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from gateway.clock import SystemClock
from gateway.sessions.media import FileMediaStore
from gateway.sessions.store import SqlTurnStore
from gateway.turn.types import (
    AnswerAudio,
    AnswerPicture,
    AnswerText,
    AudioEncoding,
    AudioInput,
    BoundingBox,
    CustomerTurn,
    Decision,
    DialogueState,
    Handoff,
    HandoffReason,
    ImageInput,
    ImageLabel,
    ImageSeen,
    LabelScore,
    Notice,
    PassageScore,
    SeenImage,
    SpeechEncoding,
    SpeechFormat,
    SpeechRequest,
    Stage,
    StageTiming,
    TextLine,
    TimedEvent,
    Transcript,
    TurnCompleted,
    TurnEvent,
    TurnStarted,
    Word,
)
from gateway.wire import WireEventCodec
from tests.fakes.turn import CITATION, STATE, UNDERSTOOD

TURN = CustomerTurn(
    "demo",
    "shop",
    "s1",
    "t1",
    text="Order 17",
    audio=AudioInput(b"RIFF spoken", AudioEncoding.WAV),
    images=(ImageInput(b"\x89PNG shown", "image/png"),),
    language_code="en",
    speech=SpeechRequest(),
)
SEEN = ImageSeen(
    1,
    (TextLine("Error 42", BoundingBox(0.25, 0.5, 0.125, 0.0625), 0.75),),
    products=(ImageLabel("brook-r2", 0.75), ImageLabel("other", 0.25)),
    kinds=(ImageLabel("device_panel", 0.5),),
    labels=(ImageLabel("modem", 0.125),),
)
UNDERSTOOD_TOGETHER = replace(
    UNDERSTOOD,
    products=(LabelScore("brook-r2", 0.75),),
    kinds=(LabelScore("device_panel", 0.5),),
    seen=(SeenImage(1, "router-red", 0.25),),
    passages=(PassageScore("orders.track", 0.5),),
)
HAPPENED: tuple[TurnEvent, ...] = (
    TurnStarted(),
    Notice(Stage.VISION, "VISION_UNAVAILABLE", "1 of 2 pictures could not be looked at"),
    SEEN,
    Transcript("where is it", "en", 0.5, (Word("where", timedelta(0), timedelta(seconds=0.25), 0.5),)),
    UNDERSTOOD_TOGETHER,
    AnswerText("It is here. "),
    AnswerAudio(b"\x00\x01\x02", SpeechFormat(SpeechEncoding.MULAW, 8_000)),
    replace(CITATION, score=0.5),
    AnswerPicture("router-red", "orders.track", "image/webp", b"RIFF\x00\xff", "A red light"),
    AnswerAudio(b""),
    AnswerAudio(b"\xff\x03"),
    Handoff(HandoffReason.POLICY, "a person looks at it"),
    TurnCompleted(
        Decision.HANDOFF,
        "It is here. ",
        (StageTiming(Stage.ASR, timedelta(seconds=0.5), timedelta(microseconds=1_250)),),
    ),
)
EVENTS = tuple(TimedEvent(timedelta(milliseconds=number), event) for number, event in enumerate(HAPPENED))


def restarted(engine: Engine, media: FileMediaStore) -> SqlTurnStore:
    """A store as a new process would have it."""
    return SqlTurnStore(engine, media, WireEventCodec(), SystemClock())


async def take(
    store: SqlTurnStore,
    turn: CustomerTurn,
    events: Sequence[TimedEvent] = EVENTS,
    state: DialogueState = STATE,
) -> Sequence[TimedEvent]:
    """Take a turn, or get its replay."""
    async with store.open(turn) as opened:
        if not opened.replay:
            await opened.complete(events, state)
        return opened.replay


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
