"""``DialogueService`` on the wire."""

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.dialogue.domain.types import DOMAIN_NAME, Domain
from services.dialogue.knowledge.base import KnowledgeBase
from services.dialogue.knowledge.index import KnowledgeIndex
from services.dialogue.knowledge.views import Views
from services.dialogue.language import known_language
from services.dialogue.policy import Decision, HandoffReason
from services.dialogue.responder import (
    AnswerDelta,
    Citation,
    Completed,
    CustomerInput,
    Event,
    Handoff,
    Responder,
    Understood,
)
from services.dialogue.state import ConversationState
from services.serving.deadlines import remaining_seconds
from services.serving.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from services.serving.identity import current_caller

Context = grpc.aio.ServicerContext[Any, Any]

MAX_CHUNK_BYTES = 1024 * 1024

_DECISIONS = {
    Decision.ANSWER: dialogue_pb2.DECISION_ANSWER,
    Decision.ASK_BACK: dialogue_pb2.DECISION_ASK_BACK,
    Decision.HANDOFF: dialogue_pb2.DECISION_HANDOFF,
}
_REASONS = {
    HandoffReason.REQUESTED: dialogue_pb2.HANDOFF_REASON_REQUESTED,
    HandoffReason.LOW_CONFIDENCE: dialogue_pb2.HANDOFF_REASON_LOW_CONFIDENCE,
    HandoffReason.POLICY: dialogue_pb2.HANDOFF_REASON_POLICY,
}


class DialogueServicer(dialogue_pb2_grpc.DialogueServiceServicer):
    """Converts requests and events; the tenant is the caller's."""

    def __init__(
        self,
        responder: Responder,
        knowledge: KnowledgeBase,
        views: Views,
        *,
        max_text_characters: int,
        max_bundle_bytes: int,
    ) -> None:
        self._responder = responder
        self._knowledge = knowledge
        self._views = views
        self._max_text_characters = max_text_characters
        self._max_bundle_bytes = max_bundle_bytes

    async def Respond(  # noqa: N802 (the RPC's name)
        self, request: dialogue_pb2.RespondRequest, context: Context
    ) -> AsyncGenerator[dialogue_pb2.RespondResponse, None]:
        """Answer one turn."""
        if not request.HasField("input"):
            raise InvalidArgument("INPUT_MISSING", "nothing to answer: send the input", field="input")
        state = _state(request.state) if request.HasField("state") else ConversationState()
        domain, index = await self._answering(request.domain, state.domain_version)
        asked = self._asked(request.input, domain)
        state = replace(state, domain_version=domain.version)
        events = self._responder.respond(asked, state, domain, index, _remaining(context))
        async for event in events:
            yield _response(event)

    async def Understand(  # noqa: N802
        self, request: dialogue_pb2.UnderstandRequest, context: Context
    ) -> dialogue_pb2.UnderstandResponse:
        """Understand one input."""
        if not request.input.text.strip():
            raise InvalidArgument("INPUT_EMPTY", "nothing to understand: send text", field="input.text")
        domain, index = await self._answering(request.domain, "")
        asked = self._asked(request.input, domain)
        understood = await self._responder.understand(asked, domain, index, _remaining(context))
        return dialogue_pb2.UnderstandResponse(understanding=_understanding(understood))

    async def PublishDomain(  # noqa: N802
        self, request_iterator: AsyncIterator[dialogue_pb2.PublishDomainRequest], context: Context
    ) -> dialogue_pb2.PublishDomainResponse:
        """Receive a bundle, check it and publish it."""
        name, bundle = await self._receive(request_iterator)
        published = await self._knowledge.publish(current_caller().tenant, name, bundle, _remaining(context))
        when = Timestamp()
        when.FromDatetime(published.published_at)
        return dialogue_pb2.PublishDomainResponse(
            domain_version=published.domain.version,
            passage_count=len(published.domain.passages),
            intent_count=len(published.domain.intents),
            unchanged=published.unchanged,
            publish_time=when,
        )

    async def _answering(self, name: str, pinned: str) -> tuple[Domain, KnowledgeIndex]:
        view = await self._views.view(current_caller().tenant, name, pinned)
        if view.domain is None:
            raise FailedPrecondition(
                "NOTHING_PUBLISHED", "no domain is published: run `frontdesk domain publish DIR` first"
            )
        return view.domain, view.index

    def _asked(self, given: dialogue_pb2.CustomerInput, domain: Domain) -> CustomerInput:
        if len(given.text) > self._max_text_characters:
            raise InvalidArgument(
                "TEXT_TOO_LONG",
                f"the text has {len(given.text)} characters: {self._max_text_characters} at most",
                field="input.text",
            )
        language = None
        if given.language_code:
            language = known_language(given.language_code, domain.languages, "input.language_code")
        if not given.HasField("text_embedding"):
            return CustomerInput(given.text, language)
        if not given.embedding_model:
            raise InvalidArgument(
                "EMBEDDING_MODEL_MISSING",
                "the embedding's vector space is not named: send embedding_model with it",
                field="input.embedding_model",
            )
        vector = np.asarray(given.text_embedding.sentence, np.float32)
        length = float(np.linalg.norm(vector.astype(np.float64))) if vector.size else 0.0
        if not np.isfinite(length) or abs(length - 1.0) > 0.01:
            raise InvalidArgument(
                "EMBEDDING_INVALID",
                "the embedding is not a vector of length 1: pass on TextService's, or leave it out",
                field="input.text_embedding.sentence",
            )
        return CustomerInput(given.text, language, vector, given.embedding_model)

    async def _receive(self, requests: AsyncIterator[dialogue_pb2.PublishDomainRequest]) -> tuple[str, bytes]:
        config: dialogue_pb2.DomainBundleConfig | None = None
        bundle = bytearray()
        async for request in requests:
            kind = request.WhichOneof("request")
            if kind is None:
                raise InvalidArgument("REQUEST_EMPTY", "a message carries neither config nor chunk")
            if (kind == "config") != (config is None):
                raise InvalidArgument(
                    "CONFIG_OUT_OF_PLACE", "send the config exactly once, first, then chunks", field="config"
                )
            if config is None:
                config = self._checked(request.config)
                continue
            if len(request.chunk) > MAX_CHUNK_BYTES:
                raise InvalidArgument(
                    "CHUNK_TOO_LARGE",
                    f"a chunk is over {MAX_CHUNK_BYTES} bytes: send smaller ones",
                    field="chunk",
                )
            bundle += request.chunk
            if len(bundle) > config.size_bytes:
                raise InvalidArgument(
                    "BUNDLE_SIZE_MISMATCH",
                    "more bytes than the config's size_bytes",
                    field="config.size_bytes",
                )
        if config is None:
            raise InvalidArgument("CONFIG_MISSING", "nothing came: send the config first", field="config")
        if len(bundle) != config.size_bytes:
            raise InvalidArgument(
                "BUNDLE_SIZE_MISMATCH",
                f"{len(bundle)} bytes came of {config.size_bytes}: upload again",
                field="config.size_bytes",
            )
        if hashlib.sha256(bundle).hexdigest() != config.sha256.lower():
            raise InvalidArgument(
                "BUNDLE_HASH_MISMATCH",
                "the bytes are not those of the SHA-256: upload again",
                field="config.sha256",
            )
        return config.name, bytes(bundle)

    def _checked(self, config: dialogue_pb2.DomainBundleConfig) -> dialogue_pb2.DomainBundleConfig:
        if not re.fullmatch(DOMAIN_NAME, config.name):
            rule = "lower-case letters, digits and underscores, 1 to 40, a letter first"
            raise InvalidArgument("DOMAIN_NAME_INVALID", f"not a domain's name: {rule}", field="config.name")
        if not re.fullmatch(r"[0-9a-fA-F]{64}", config.sha256):
            raise InvalidArgument("SHA256_INVALID", "give 64 hexadecimal digits", field="config.sha256")
        if config.size_bytes <= 0:
            raise InvalidArgument("BUNDLE_EMPTY", "the bundle has no bytes", field="config.size_bytes")
        if config.size_bytes > self._max_bundle_bytes:
            raise ResourceExhausted(
                "BUNDLE_TOO_LARGE", f"the bundle is over the limit of {self._max_bundle_bytes} bytes"
            )
        return config


def _remaining(context: Context) -> Callable[[], float]:
    return lambda: remaining_seconds(context)


def _state(given: dialogue_pb2.ConversationState) -> ConversationState:
    return ConversationState(
        schema_version=given.schema_version,
        domain_version=given.domain_version,
        turn_count=given.turn_count,
        language=given.language_code,
        last_intent=given.last_intent,
        consecutive_clarifications=given.consecutive_clarifications,
        offered_passage_ids=tuple(given.offered_passage_ids),
        handed_off=given.handed_off,
    )


def _response(event: Event) -> dialogue_pb2.RespondResponse:
    match event:
        case Understood():
            return dialogue_pb2.RespondResponse(understanding=_understanding(event))
        case AnswerDelta():
            return dialogue_pb2.RespondResponse(answer_delta=event.text)
        case Citation():
            passage = event.passage
            return dialogue_pb2.RespondResponse(
                citation=dialogue_pb2.Citation(
                    passage_id=passage.id,
                    title=passage.title,
                    quote=event.quote,
                    uri=passage.uri,
                    language_code=passage.language,
                    source_version=passage.source_version,
                    score=event.score,
                )
            )
        case Handoff():
            handoff = dialogue_pb2.Handoff(reason=_REASONS[event.reason], summary=event.summary)
            return dialogue_pb2.RespondResponse(handoff=handoff)
        case Completed():
            state = event.state
            return dialogue_pb2.RespondResponse(
                completed=dialogue_pb2.ResponseCompleted(
                    decision=_DECISIONS[event.decision],
                    answer=event.answer,
                    state=dialogue_pb2.ConversationState(
                        schema_version=state.schema_version,
                        domain_version=state.domain_version,
                        turn_count=state.turn_count,
                        language_code=state.language,
                        last_intent=state.last_intent,
                        consecutive_clarifications=state.consecutive_clarifications,
                        offered_passage_ids=state.offered_passage_ids,
                        handed_off=state.handed_off,
                    ),
                )
            )


def _understanding(understood: Understood) -> dialogue_pb2.Understanding:
    return dialogue_pb2.Understanding(
        intents=[
            dialogue_pb2.IntentScore(intent=item.label, probability=item.probability)
            for item in understood.intents
        ],
        language_code=understood.language,
        confidence=understood.confidence,
        model=understood.model,
    )
