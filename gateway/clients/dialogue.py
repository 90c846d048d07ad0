"""Understanding and answering over gRPC."""

from collections.abc import AsyncGenerator

import grpc
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc

from gateway.clients.features import customer_to_wire
from gateway.clients.fields import with_fields
from gateway.turn.features import CustomerInput
from gateway.turn.types import AnswerText, DialogueCompleted, DialogueEvent, DialogueState, Understood
from gateway.wire import (
    citation_from_wire,
    decision_from_wire,
    handoff_from_wire,
    picture_from_wire,
    understood_from_wire,
)
from services.serving.calls import as_domain_error, call_metadata
from services.serving.errors import Unavailable

SERVICE = "frontdesk.dialogue.v1.DialogueService"


class DialogueClient:
    """A ``Dialogue`` that calls ``DialogueService``."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = dialogue_pb2_grpc.DialogueServiceStub(channel)

    async def respond(
        self, customer: CustomerInput, state: DialogueState | None, domain: str, *, timeout_seconds: float
    ) -> AsyncGenerator[DialogueEvent]:
        """Answer one turn."""
        request = dialogue_pb2.RespondRequest(
            input=customer_to_wire(customer),
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

    async def understand(
        self, customer: CustomerInput, domain_version: str, passage_id: str, *, timeout_seconds: float
    ) -> Understood:
        """Understand an input by the domain version that its session is pinned to, without answering it.

        ``passage_id`` is a passage whose probability is wanted in any case; "" for none.
        """
        request = dialogue_pb2.UnderstandRequest(
            input=customer_to_wire(customer), domain_version=domain_version, passage_id=passage_id
        )
        try:
            response = await self._stub.Understand(request, timeout=timeout_seconds, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise with_fields(as_domain_error(error, "dialogue"), _field) from error
        return understood_from_wire(response.understanding)


def _event(response: dialogue_pb2.RespondResponse) -> DialogueEvent:
    try:
        match response.WhichOneof("event"):
            case "understanding":
                return understood_from_wire(response.understanding)
            case "answer_delta":
                return AnswerText(response.answer_delta)
            case "citation":
                return citation_from_wire(response.citation)
            case "picture":
                return picture_from_wire(response.picture)
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
