"""Events of turns and calls as plain dictionaries, for ``--json`` and reports."""

from typing import Any

from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from google.protobuf.json_format import MessageToDict


def event_as_dict(
    response: conversation_pb2.HandleTurnResponse | conversation_pb2.ConverseResponse,
) -> dict[str, Any]:
    """Return ``{"t_ms", "type", …fields}``; of audio and pictures the number of bytes.

    A turn's first and last event and a call's first name session and turn; each event of a
    call's turns names the turn. Enums are as in ``TurnResult`` ("ANSWER").
    """
    kind = response.WhichOneof("event") or "unknown"
    fields: dict[str, Any] = MessageToDict(
        getattr(response, kind), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    match kind:
        case "answer_audio":
            del fields["audio"]
            fields = {"bytes": len(response.answer_audio.audio), **fields}
        case "answer_picture":
            del fields["content"]
            fields["bytes"] = len(response.answer_picture.content)
        case "handoff":
            name = dialogue_pb2.HandoffReason.Name(response.handoff.reason)
            fields["reason"] = name.removeprefix("HANDOFF_REASON_")
        case "notice":
            fields["stage"] = _stage(response.notice.stage)
        case "end_of_turn" if isinstance(response, conversation_pb2.ConverseResponse):
            ended = conversation_pb2.EndOfTurnReason.Name(response.end_of_turn.reason)
            fields["reason"] = ended.removeprefix("END_OF_TURN_REASON_")
        case "goodbye" if isinstance(response, conversation_pb2.ConverseResponse):
            left = conversation_pb2.GoodbyeReason.Name(response.goodbye.reason)
            fields["reason"] = left.removeprefix("GOODBYE_REASON_")
        case "turn_completed":
            completed = response.turn_completed
            fields["decision"] = dialogue_pb2.Decision.Name(completed.decision).removeprefix("DECISION_")
            fields["timings"] = [
                {
                    "stage": _stage(timing.stage),
                    "start_ms": round(timing.start_offset.ToTimedelta().total_seconds() * 1000, 1),
                    "ms": round(timing.duration.ToTimedelta().total_seconds() * 1000, 1),
                }
                for timing in completed.timings
            ]
    if kind in ("call_started", "turn_started", "turn_completed"):
        fields = {"session_id": response.session_id, "turn_id": response.turn_id, **fields}
    elif isinstance(response, conversation_pb2.ConverseResponse) and response.turn_id:
        fields = {"turn_id": response.turn_id, **fields}
    offset = response.event_offset.ToTimedelta().total_seconds()
    return {"t_ms": round(offset * 1000, 1), "type": kind, **fields}


def _stage(stage: conversation_pb2.Stage.ValueType) -> str:
    return conversation_pb2.Stage.Name(stage).removeprefix("STAGE_")
