"""``ConversationService``: turns and conversations between the wire and the domain."""

import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from frontdesk.gateway.v1 import conversation_pb2, conversation_pb2_grpc

from gateway.converse import Converse
from gateway.credentials import Credentials
from gateway.explanation.explainer import Explainer
from gateway.explanation.types import Explanation
from gateway.sessions.records import MediaReference, StoredTurn
from gateway.sessions.store import SqlTurnStore
from gateway.turn.handler import TurnHandler
from gateway.turn.types import Citation, Handoff, Notice, Transcript, TurnCompleted, Understood
from gateway.validation import InputLimits, customer_turn, valid_id
from gateway.wire import (
    citation_to_wire,
    decision_to_wire,
    event_to_wire,
    handoff_to_wire,
)
from services.serving.deadlines import remaining_seconds
from services.serving.errors import InvalidArgument
from services.serving.identity import current_caller, set_caller

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

_log = structlog.stdlib.get_logger("frontdesk.turn")

SERVICE = "frontdesk.gateway.v1.ConversationService"
_ANSWERING_SECONDS = 0.05
"""Kept of the caller's deadline, so that an error of ours arrives before it."""
_PAGE_SIZE = 50
_MAX_PAGE_SIZE = 200


class ConversationServicer(conversation_pb2_grpc.ConversationServiceServicer):
    """Serves turns and stored conversations."""

    def __init__(
        self,
        handler: TurnHandler,
        explainer: Explainer,
        store: SqlTurnStore,
        credentials: Credentials,
        limits: InputLimits,
        turn_limit_seconds: float,
        converse: Converse,
    ) -> None:
        self._handler = handler
        self._explainer = explainer
        self._store = store
        self._credentials = credentials
        self._limits = limits
        self._turn_limit_seconds = turn_limit_seconds
        self._converse = converse

    async def HandleTurn(  # noqa: N802 (gRPC's names)
        self, request: conversation_pb2.HandleTurnRequest, context: "Context"
    ) -> AsyncGenerator[conversation_pb2.HandleTurnResponse]:
        """Take a turn and send its events as they come."""
        tenant = current_caller().tenant
        turn = customer_turn(request, tenant, self._credentials.domain(tenant), self._limits)
        del request  # its media are the turn's now; once in memory is enough
        set_caller(self._credentials.caller(tenant, turn.session_id))
        budget = self._budget_seconds(context)
        async with aclosing(self._handler.handle(turn, budget_seconds=budget)) as events:
            async for timed in events:
                if isinstance(timed.event, Notice):
                    _log.warning("turn goes on", stage=timed.event.stage, reason=timed.event.reason)
                response = event_to_wire(timed.event)
                response.session_id = turn.session_id
                response.turn_id = turn.turn_id
                response.event_offset.FromTimedelta(timed.offset)
                yield response

    async def Converse(  # type: ignore[override]  # noqa: N802 (it writes itself, to see a reader that stalls)
        self,
        request_iterator: AsyncIterator[conversation_pb2.ConverseRequest],
        context: "Context",
    ) -> None:
        """Hold a live call."""
        await self._converse.hold(request_iterator, context.write)

    async def ExplainTurn(  # noqa: N802
        self, request: conversation_pb2.ExplainTurnRequest, context: "Context"
    ) -> conversation_pb2.ExplainTurnResponse:
        """Say how much each modality of a stored turn moved its decision."""
        session_id = valid_id(request.session_id, "session_id")
        turn_id = valid_id(request.turn_id, "turn_id")
        tenant = current_caller().tenant
        set_caller(self._credentials.caller(tenant, session_id))
        explanation = await self._explainer.explain(
            tenant,
            session_id,
            turn_id,
            include_regions=request.include_regions,
            budget_seconds=self._budget_seconds(context),
        )
        return _explanation_to_wire(explanation)

    async def GetConversation(  # noqa: N802
        self, request: conversation_pb2.GetConversationRequest, context: "Context"
    ) -> conversation_pb2.GetConversationResponse:
        """Return a page of a stored conversation."""
        session_id = valid_id(request.session_id, "session_id")
        if not 0 <= request.page_size <= _MAX_PAGE_SIZE:
            raise InvalidArgument(
                "PAGE_SIZE_INVALID", f"page_size is 1 to {_MAX_PAGE_SIZE}, or 0 for 50", field="page_size"
            )
        conversation = await self._store.conversation(
            current_caller().tenant,
            session_id,
            after_number=_number_of(request.page_token),
            limit=request.page_size or _PAGE_SIZE,
        )
        response = conversation_pb2.GetConversationResponse(
            session_id=conversation.session_id,
            domain_version=conversation.domain_version,
            turns=[_turn_to_wire(turn) for turn in conversation.turns],
            next_page_token=_token_of(conversation.turns[-1].number) if conversation.more else "",
        )
        response.create_time.FromDatetime(conversation.created_at)
        return response

    def _budget_seconds(self, context: "Context") -> float:
        return min(remaining_seconds(context) - _ANSWERING_SECONDS, self._turn_limit_seconds)


def _explanation_to_wire(explanation: Explanation) -> conversation_pb2.ExplainTurnResponse:
    return conversation_pb2.ExplainTurnResponse(
        passage_id=explanation.passage_id,
        intent=explanation.intent,
        probability=explanation.probability,
        contributions=[
            conversation_pb2.ModalityContribution(
                modality=conversation_pb2.Modality.Value(f"MODALITY_{one.part.modality}"),
                image_index=one.part.image_index,
                probability_without=one.probability_without,
                contribution=one.contribution,
                passage_id_without=one.passage_id_without,
            )
            for one in explanation.contributions
        ],
        regions=[
            conversation_pb2.RegionContributions(
                image_index=one.image_index,
                rows=one.rows,
                columns=one.columns,
                contributions=one.contributions,
            )
            for one in explanation.regions
        ],
    )


def _turn_to_wire(stored: StoredTurn) -> conversation_pb2.Turn:
    turn = conversation_pb2.Turn(
        turn_id=stored.turn_id,
        text=stored.text,
        language_code=stored.language_code,
        media=[_media_to_wire(reference) for reference in stored.media],
    )
    turn.start_time.FromDatetime(stored.accepted_at)
    for timed in stored.events:
        match timed.event:
            case Transcript(text=text):
                turn.transcript = text
            case Understood() as understood:
                turn.language_code = understood.language_code
                turn.intent = understood.intents[0].intent if understood.intents else ""
            case Citation() as citation:
                turn.citations.append(citation_to_wire(citation))
            case Handoff() as handoff:
                turn.handoff.CopyFrom(handoff_to_wire(handoff))
            case TurnCompleted() as completed:
                turn.decision = decision_to_wire(completed.decision)
                turn.answer = completed.answer
    return turn


def _media_to_wire(reference: MediaReference) -> conversation_pb2.MediaReference:
    return conversation_pb2.MediaReference(
        kind=conversation_pb2.MediaKind.Value(f"MEDIA_KIND_{reference.kind}"),
        sha256=reference.sha256,
        size_bytes=reference.size_bytes,
    )


def _token_of(number: int) -> str:
    return base64.urlsafe_b64encode(f"after {number}".encode()).decode()


def _number_of(token: str) -> int:
    if not token:
        return 0
    try:
        word, number = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
        if word == "after" and number.isascii() and number.isdecimal() and len(number) < 10:
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise InvalidArgument(
        "PAGE_TOKEN_INVALID",
        "page_token is none of ours: use next_page_token of the previous response",
        field="page_token",
    )
