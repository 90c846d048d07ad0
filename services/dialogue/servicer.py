"""``DialogueService`` on the wire."""

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.dialogue.domain.types import DOMAIN_NAME, Domain
from services.dialogue.knowledge.base import KnowledgeBase
from services.dialogue.knowledge.index import KnowledgeIndex
from services.dialogue.knowledge.views import Views
from services.dialogue.responder import Responder
from services.dialogue.state import ConversationState
from services.dialogue.wire import InputLimits, customer_input, from_state, to_response, to_understanding
from services.serving.deadlines import remaining_seconds
from services.serving.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from services.serving.identity import current_caller

Context = grpc.aio.ServicerContext[Any, Any]

MAX_CHUNK_BYTES = 1024 * 1024


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
        self._limits = InputLimits(text_characters=max_text_characters)
        self._max_bundle_bytes = max_bundle_bytes

    async def Respond(  # noqa: N802 (the RPC's name)
        self, request: dialogue_pb2.RespondRequest, context: Context
    ) -> AsyncGenerator[dialogue_pb2.RespondResponse, None]:
        """Answer one turn."""
        if not request.HasField("input"):
            raise InvalidArgument("INPUT_MISSING", "nothing to answer: send the input", field="input")
        state = from_state(request.state) if request.HasField("state") else ConversationState()
        domain, index = await self._answering(request.domain, state.domain_version)
        asked = customer_input(request.input, domain, self._limits)
        state = replace(state, domain_version=domain.version)
        events = self._responder.respond(asked, state, domain, index, _remaining(context))
        async for event in events:
            yield to_response(event)

    async def Understand(  # noqa: N802
        self, request: dialogue_pb2.UnderstandRequest, context: Context
    ) -> dialogue_pb2.UnderstandResponse:
        """Understand one input."""
        if not (request.input.text.strip() or request.input.images):
            raise InvalidArgument(
                "INPUT_EMPTY", "nothing to understand: send text or pictures", field="input.text"
            )
        domain, index = await self._answering(request.domain, request.domain_version)
        asked = customer_input(request.input, domain, self._limits)
        understood = await self._responder.understand(
            asked, domain, index, _remaining(context), passage_id=request.passage_id
        )
        return dialogue_pb2.UnderstandResponse(understanding=to_understanding(understood))

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
