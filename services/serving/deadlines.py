"""How much time an RPC has left."""

from typing import Any, Final

import grpc

from services.serving.errors import DeadlineExceeded, InvalidArgument

OPEN_ENDED: Final = frozenset(
    {"frontdesk.asr.v1.AsrService/StreamingRecognize", "frontdesk.gateway.v1.ConversationService/Converse"}
)
"""RPCs that last as long as people talk: a deadline bounds them, but they need none."""


def remaining_seconds(context: "grpc.aio.ServicerContext[Any, Any]") -> float:
    """Return the seconds left, above 0.

    Raises ``InvalidArgument`` (DEADLINE_REQUIRED) without a deadline and
    ``DeadlineExceeded`` when none is left.
    """
    remaining = context.time_remaining()
    if remaining is None:
        raise InvalidArgument("DEADLINE_REQUIRED", "the call has no deadline: set one")
    if remaining <= 0:
        raise DeadlineExceeded("DEADLINE_EXCEEDED", "the deadline has passed")
    return remaining
