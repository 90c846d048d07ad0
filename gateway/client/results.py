"""A whole turn, collected from its stream of events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What came of one turn.

    ``decision`` is ``ANSWER``, ``ASK_BACK`` or ``HANDOFF``. ``audio`` is the
    answer's speech, joined, in ``audio_format`` (None without speech).
    ``transcript`` is None for a turn without audio. ``images_seen`` is what was
    seen in the turn's pictures, in their order; where one could not be looked at it
    is missing, and ``notices`` say so. ``pictures`` are those that go with the
    answer. ``timings`` has the seconds that each stage took (``ASR``, ``VISION``,
    ``TEXT``, ``DIALOGUE``, ``TTS``, ``STORE``).
    ``first_text_seconds`` and ``first_audio_seconds`` count from the gateway's
    receipt of the request.
    """

    session_id: str
    turn_id: str
    answer: str
    decision: str
    citations: tuple[dialogue_pb2.Citation, ...]
    pictures: tuple[dialogue_pb2.AnswerPicture, ...]
    audio: bytes
    audio_format: tts_pb2.OutputFormat | None
    transcript: conversation_pb2.Transcript | None
    images_seen: tuple[conversation_pb2.ImageSeen, ...]
    understanding: dialogue_pb2.Understanding | None
    handoff: dialogue_pb2.Handoff | None
    notices: tuple[conversation_pb2.Notice, ...]
    timings: Mapping[str, float]
    first_text_seconds: float | None
    first_audio_seconds: float | None
    total_seconds: float
    replayed: bool


def collect_turn(events: Iterable[conversation_pb2.HandleTurnResponse]) -> TurnResult:
    """Read a turn's events to the end.

    ValueError when the stream ends without ``turn_completed``; errors of the call
    come from ``events`` itself.
    """
    audio = bytearray()
    audio_format = transcript = understanding = handoff = completed = None
    citations: list[dialogue_pb2.Citation] = []
    pictures: list[dialogue_pb2.AnswerPicture] = []
    images_seen: list[conversation_pb2.ImageSeen] = []
    notices: list[conversation_pb2.Notice] = []
    first_text = first_audio = None
    for event in events:
        offset = event.event_offset.ToTimedelta().total_seconds()
        match event.WhichOneof("event"):
            case "transcript":
                transcript = event.transcript
            case "image_seen":
                images_seen.append(event.image_seen)
            case "understood":
                understanding = event.understood
            case "answer_text":
                first_text = offset if first_text is None else first_text
            case "citation":
                citations.append(event.citation)
            case "answer_picture":
                pictures.append(event.answer_picture)
            case "answer_audio":
                audio += event.answer_audio.audio
                if first_audio is None:
                    first_audio, audio_format = offset, event.answer_audio.format
            case "handoff":
                handoff = event.handoff
            case "notice":
                notices.append(event.notice)
            case "turn_completed":
                completed = event
    if completed is None:
        raise ValueError("the turn's stream ended without turn_completed: repeat it with the same turn_id")
    done = completed.turn_completed
    timings: dict[str, float] = {}
    for timing in done.timings:
        stage = conversation_pb2.Stage.Name(timing.stage).removeprefix("STAGE_")
        timings[stage] = timings.get(stage, 0.0) + timing.duration.ToTimedelta().total_seconds()
    return TurnResult(
        session_id=completed.session_id,
        turn_id=completed.turn_id,
        answer=done.answer,
        decision=dialogue_pb2.Decision.Name(done.decision).removeprefix("DECISION_"),
        citations=tuple(citations),
        pictures=tuple(pictures),
        audio=bytes(audio),
        audio_format=audio_format,
        transcript=transcript,
        images_seen=tuple(sorted(images_seen, key=lambda seen: seen.image_index)),
        understanding=understanding,
        handoff=handoff,
        notices=tuple(notices),
        timings=timings,
        first_text_seconds=first_text,
        first_audio_seconds=first_audio,
        total_seconds=completed.event_offset.ToTimedelta().total_seconds(),
        replayed=done.replayed,
    )
