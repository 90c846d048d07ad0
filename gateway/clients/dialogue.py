"""Understanding and answering over gRPC."""

from collections.abc import AsyncGenerator

import grpc
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from frontdesk.text.v1 import text_pb2
from frontdesk.vision.v1 import vision_pb2

from gateway.clients.fields import with_fields
from gateway.turn.types import AnswerText, DialogueCompleted, DialogueEvent, DialogueState, Embedding
from gateway.wire import citation_from_wire, decision_from_wire, handoff_from_wire, understood_from_wire
from services.serving.calls import as_domain_error, call_metadata
from services.serving.errors import Unavailable

SERVICE = "frontdesk.dialogue.v1.DialogueService"


class DialogueClient:
    """A ``Dialogue`` that calls ``DialogueService``."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = dialogue_pb2_grpc.DialogueServiceStub(channel)

    async def respond(
        self,
        text: str,
        embedding: Embedding | None,
        language_code: str,
        picture_count: int,
        state: DialogueState | None,
        domain: str,
        *,
        timeout_seconds: float,
    ) -> AsyncGenerator[DialogueEvent]:
        """Answer one turn."""
        request = dialogue_pb2.RespondRequest(
            input=dialogue_pb2.CustomerInput(
                text=text,
                language_code=language_code,
                text_embedding=_embedding_to_wire(embedding),
                embedding_model=embedding.model if embedding else "",
                images=[vision_pb2.ImageFeatures()] * picture_count,  # nothing is known of them yet
            ),
            state=dialogue_pb2.ConversationState.FromString(state.encoded) if state else None,
            domain=domain,
        )
        call = self._stub.Respond(request, timeout=timeout_seconds, metadata=call_metadata())
        try:
            async for response in call:
                yield _event(response)
        except grpc.aio.AioRpcError as error:
            raise with_fields(as_domain_error(error, "dialogue"), _field) from error
        finally:
            call.cancel()


def _embedding_to_wire(embedding: Embedding | None) -> text_pb2.TextEmbedding | None:
    if embedding is None:
        return None
    return text_pb2.TextEmbedding(
        sentence=embedding.sentence, token_count=embedding.token_count, truncated=embedding.truncated
    )


def _event(response: dialogue_pb2.RespondResponse) -> DialogueEvent:
    try:
        match response.WhichOneof("event"):
            case "understanding":
                return understood_from_wire(response.understanding)
            case "answer_delta":
                return AnswerText(response.answer_delta)
            case "citation":
                return citation_from_wire(response.citation)
            case "handoff":
                return handoff_from_wire(response.handoff)
            case "completed":
                completed = response.completed
                state = DialogueState(completed.state.SerializeToString(), completed.state.domain_version)
                return DialogueCompleted(decision_from_wire(completed.decision), completed.answer, state)
    except ValueError as error:
        raise _not_understood() from error
    raise _not_understood()


def _field(field: str) -> str:
    return field.removeprefix("input.")


def _not_understood() -> Unavailable:
    return Unavailable(
        "DIALOGUE_UNAVAILABLE",
        "dialogue sent what this gateway does not know: run both from the same release",
    )
