"""Events of a turn as plain dictionaries, for ``--json`` and reports."""

from typing import Any

from frontdesk.gateway.v1 import conversation_pb2
from google.protobuf.json_format import MessageToDict


def event_as_dict(response: conversation_pb2.HandleTurnResponse) -> dict[str, Any]:
    """Return ``{"t_ms", "type", …fields}``; of audio the number of bytes instead of the bytes."""
    kind = response.WhichOneof("event") or "unknown"
    fields: dict[str, Any] = MessageToDict(
        getattr(response, kind), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    if kind == "answer_audio":
        fields["audio"] = len(response.answer_audio.audio)
        fields = {"bytes": fields["audio"], **{key: fields[key] for key in fields.keys() - {"audio"}}}
    if kind == "turn_completed":
        fields["timings"] = [
            {
                "stage": conversation_pb2.Stage.Name(timing.stage).removeprefix("STAGE_").lower(),
                "start_ms": round(timing.start_offset.ToTimedelta().total_seconds() * 1000, 1),
                "ms": round(timing.duration.ToTimedelta().total_seconds() * 1000, 1),
            }
            for timing in response.turn_completed.timings
        ]
    offset = response.event_offset.ToTimedelta().total_seconds()
    return {"t_ms": round(offset * 1000, 1), "type": kind, **fields}
