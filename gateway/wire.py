"""Events and stored turns as messages of ``frontdesk.gateway.v1``, and back."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2
from frontdesk.vision.v1 import vision_pb2
from google.protobuf.duration_pb2 import Duration

from gateway.turn.types import (
    AnswerAudio,
    AnswerPicture,
    AnswerText,
    BoundingBox,
    Citation,
    Decision,
    Handoff,
    HandoffReason,
    ImageLabel,
    ImageSeen,
    IntentScore,
    LabelScore,
    Notice,
    PassageScore,
    SeenImage,
    SpeechEncoding,
    SpeechFormat,
    Stage,
    StageTiming,
    TextLine,
    Transcript,
    TurnCompleted,
    TurnEvent,
    TurnStarted,
    Understood,
    Word,
)

Response = conversation_pb2.HandleTurnResponse


class WireEventCodec:
    """Stores events as their wire messages, whose compatibility is checked with every change."""

    def encode(self, event: TurnEvent) -> bytes:
        """Write an event."""
        return event_to_wire(event).SerializeToString()

    def decode(self, body: bytes) -> TurnEvent:
        """Read an event. ValueError when a newer version wrote it."""
        return event_from_wire(Response.FromString(body))


def event_to_wire(event: TurnEvent) -> Response:
    """Return the response with its event set, and no ids and offset yet."""
    match event:
        case TurnStarted():
            return Response(turn_started=conversation_pb2.TurnStarted())
        case Transcript():
            return Response(transcript=_transcript_to_wire(event))
        case ImageSeen():
            return Response(image_seen=_image_seen_to_wire(event))
        case Understood():
            return Response(understood=_understood_to_wire(event))
        case AnswerText():
            return Response(answer_text=conversation_pb2.AnswerText(delta=event.delta))
        case Citation():
            return Response(citation=citation_to_wire(event))
        case AnswerPicture():
            return Response(answer_picture=dialogue_pb2.AnswerPicture(**_fields(event)))
        case AnswerAudio():
            audio = conversation_pb2.AnswerAudio(audio=event.audio, format=format_to_wire(event.format))
            return Response(answer_audio=audio)
        case Handoff():
            return Response(handoff=handoff_to_wire(event))
        case Notice():
            notice = conversation_pb2.Notice(
                stage=_stage_to_wire(event.stage), reason=event.reason, message=event.message
            )
            return Response(notice=notice)
        case TurnCompleted():
            return Response(turn_completed=_completed_to_wire(event))


def event_from_wire(response: Response) -> TurnEvent:
    """Return the response's event. ValueError for one that this version does not know."""
    match response.WhichOneof("event"):
        case "turn_started":
            return TurnStarted()
        case "transcript":
            return _transcript_from_wire(response.transcript)
        case "image_seen":
            return _image_seen_from_wire(response.image_seen)
        case "understood":
            return understood_from_wire(response.understood)
        case "answer_text":
            return AnswerText(response.answer_text.delta)
        case "citation":
            return citation_from_wire(response.citation)
        case "answer_picture":
            return picture_from_wire(response.answer_picture)
        case "answer_audio":
            piece = response.answer_audio
            audio_format = format_from_wire(piece.format) if piece.HasField("format") else None
            return AnswerAudio(piece.audio, audio_format)
        case "handoff":
            return handoff_from_wire(response.handoff)
        case "notice":
            notice = response.notice
            return Notice(_stage_from_wire(notice.stage), notice.reason, notice.message)
        case "turn_completed":
            return _completed_from_wire(response.turn_completed)
        case _:
            raise ValueError("an event of a kind that this version does not know")


def word_from_wire(word: asr_pb2.WordInfo) -> Word:
    """Read a word that was heard."""
    return Word(word.word, word.start_offset.ToTimedelta(), word.end_offset.ToTimedelta(), word.confidence)


def understood_from_wire(understanding: dialogue_pb2.Understanding) -> Understood:
    """Read what a turn means."""
    return Understood(
        tuple(IntentScore(score.intent, score.probability) for score in understanding.intents),
        understanding.language_code,
        understanding.confidence,
        understanding.model,
        tuple(LabelScore(score.label, score.probability) for score in understanding.products),
        tuple(LabelScore(score.label, score.probability) for score in understanding.kinds),
        tuple(SeenImage(seen.image_index, seen.picture_id, seen.probability) for seen in understanding.seen),
        tuple(PassageScore(score.passage_id, score.probability) for score in understanding.passages),
    )


def text_line_from_wire(line: vision_pb2.TextLine) -> TextLine:
    """Read a line of words in a picture."""
    box = line.box
    return TextLine(line.text, BoundingBox(box.left, box.top, box.width, box.height), line.confidence)


def text_line_to_wire(line: TextLine) -> vision_pb2.TextLine:
    """Write a line of words in a picture."""
    box = vision_pb2.BoundingBox(**_fields(line.box))
    return vision_pb2.TextLine(text=line.text, box=box, confidence=line.confidence)


def labels_from_wire(labels: Iterable[vision_pb2.ImageLabel]) -> tuple[ImageLabel, ...]:
    """Read labels of a picture."""
    return tuple(ImageLabel(label.label, label.score) for label in labels)


def labels_to_wire(labels: Iterable[ImageLabel]) -> list[vision_pb2.ImageLabel]:
    """Write labels of a picture."""
    return [vision_pb2.ImageLabel(**_fields(label)) for label in labels]


def picture_from_wire(picture: dialogue_pb2.AnswerPicture) -> AnswerPicture:
    """Read a picture of the answer."""
    return AnswerPicture(**{field: getattr(picture, field) for field in AnswerPicture.__dataclass_fields__})


def citation_from_wire(citation: dialogue_pb2.Citation) -> Citation:
    """Read a source."""
    return Citation(**{field: getattr(citation, field) for field in Citation.__dataclass_fields__})


def citation_to_wire(citation: Citation) -> dialogue_pb2.Citation:
    """Write a source."""
    return dialogue_pb2.Citation(**_fields(citation))


def handoff_from_wire(handoff: dialogue_pb2.Handoff) -> Handoff:
    """Read a handoff. ValueError for a reason that this version does not know."""
    name = dialogue_pb2.HandoffReason.Name(handoff.reason)
    return Handoff(HandoffReason(name.removeprefix("HANDOFF_REASON_")), handoff.summary)


def handoff_to_wire(handoff: Handoff) -> dialogue_pb2.Handoff:
    """Write a handoff."""
    reason = dialogue_pb2.HandoffReason.Value(f"HANDOFF_REASON_{handoff.reason}")
    return dialogue_pb2.Handoff(reason=reason, summary=handoff.summary)


def decision_from_wire(decision: dialogue_pb2.Decision.ValueType) -> Decision:
    """Read a decision. ValueError for one that this version does not know."""
    return Decision(dialogue_pb2.Decision.Name(decision).removeprefix("DECISION_"))


def decision_to_wire(decision: Decision) -> dialogue_pb2.Decision.ValueType:
    """Write a decision."""
    return dialogue_pb2.Decision.Value(f"DECISION_{decision}")


def format_from_wire(audio_format: tts_pb2.OutputFormat) -> SpeechFormat:
    """Read an audio format; what is absent is LINEAR16 and 24 kHz. ValueError for an unknown encoding."""
    default = SpeechFormat()
    encoding = default.encoding
    if audio_format.encoding:
        name = tts_pb2.OutputEncoding.Name(audio_format.encoding)
        encoding = SpeechEncoding(name.removeprefix("OUTPUT_ENCODING_"))
    return SpeechFormat(encoding, audio_format.sample_rate_hertz or default.sample_rate_hertz)


def format_to_wire(audio_format: SpeechFormat | None) -> tts_pb2.OutputFormat | None:
    """Write an audio format."""
    if audio_format is None:
        return None
    encoding = tts_pb2.OutputEncoding.Value(f"OUTPUT_ENCODING_{audio_format.encoding}")
    return tts_pb2.OutputFormat(encoding=encoding, sample_rate_hertz=audio_format.sample_rate_hertz)


def duration_to_wire(duration: timedelta) -> Duration:
    """Write a duration."""
    message = Duration()
    message.FromTimedelta(duration)
    return message


def _transcript_to_wire(transcript: Transcript) -> conversation_pb2.Transcript:
    words = [
        asr_pb2.WordInfo(
            word=word.text,
            start_offset=duration_to_wire(word.start),
            end_offset=duration_to_wire(word.end),
            confidence=word.confidence,
        )
        for word in transcript.words
    ]
    return conversation_pb2.Transcript(
        text=transcript.text,
        language_code=transcript.language_code,
        confidence=transcript.confidence,
        words=words,
    )


def _transcript_from_wire(transcript: conversation_pb2.Transcript) -> Transcript:
    words = tuple(word_from_wire(word) for word in transcript.words)
    return Transcript(transcript.text, transcript.language_code, transcript.confidence, words)


def _image_seen_to_wire(seen: ImageSeen) -> conversation_pb2.ImageSeen:
    return conversation_pb2.ImageSeen(
        image_index=seen.image_index,
        lines=[text_line_to_wire(line) for line in seen.lines],
        products=labels_to_wire(seen.products),
        kinds=labels_to_wire(seen.kinds),
        labels=labels_to_wire(seen.labels),
    )


def _image_seen_from_wire(seen: conversation_pb2.ImageSeen) -> ImageSeen:
    return ImageSeen(
        seen.image_index,
        tuple(text_line_from_wire(line) for line in seen.lines),
        labels_from_wire(seen.products),
        labels_from_wire(seen.kinds),
        labels_from_wire(seen.labels),
    )


def _understood_to_wire(understood: Understood) -> dialogue_pb2.Understanding:
    return dialogue_pb2.Understanding(
        intents=[dialogue_pb2.IntentScore(**_fields(score)) for score in understood.intents],
        language_code=understood.language_code,
        confidence=understood.confidence,
        model=understood.model,
        products=[dialogue_pb2.LabelScore(**_fields(score)) for score in understood.products],
        kinds=[dialogue_pb2.LabelScore(**_fields(score)) for score in understood.kinds],
        seen=[dialogue_pb2.SeenImage(**_fields(seen)) for seen in understood.seen],
        passages=[dialogue_pb2.PassageScore(**_fields(score)) for score in understood.passages],
    )


def _completed_to_wire(completed: TurnCompleted) -> conversation_pb2.TurnCompleted:
    timings = [
        conversation_pb2.StageTiming(
            stage=_stage_to_wire(timing.stage),
            start_offset=duration_to_wire(timing.start),
            duration=duration_to_wire(timing.duration),
        )
        for timing in completed.timings
    ]
    return conversation_pb2.TurnCompleted(
        decision=decision_to_wire(completed.decision),
        answer=completed.answer,
        timings=timings,
        replayed=completed.replayed,
        interrupted=completed.interrupted,
    )


def _completed_from_wire(completed: conversation_pb2.TurnCompleted) -> TurnCompleted:
    timings = tuple(
        StageTiming(
            _stage_from_wire(timing.stage), timing.start_offset.ToTimedelta(), timing.duration.ToTimedelta()
        )
        for timing in completed.timings
    )
    decision = decision_from_wire(completed.decision)
    return TurnCompleted(decision, completed.answer, timings, completed.replayed, completed.interrupted)


def _stage_to_wire(stage: Stage) -> conversation_pb2.Stage.ValueType:
    return conversation_pb2.Stage.Value(f"STAGE_{stage}")


def _stage_from_wire(stage: conversation_pb2.Stage.ValueType) -> Stage:
    return Stage(conversation_pb2.Stage.Name(stage).removeprefix("STAGE_"))


def _fields(value: Any) -> dict[str, Any]:
    return {field: getattr(value, field) for field in value.__dataclass_fields__}
