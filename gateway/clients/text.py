"""Text to vectors over gRPC."""

from collections.abc import Sequence

import grpc
from frontdesk.text.v1 import text_pb2, text_pb2_grpc

from gateway.clients.features import embedding_from_wire
from gateway.clients.fields import with_fields
from gateway.turn.features import Embedding
from services.serving.calls import as_domain_error, call_metadata
from services.serving.errors import Unavailable

SERVICE = "frontdesk.text.v1.TextService"


class TextClient:
    """A ``TextEmbedder`` that calls ``TextService``."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = text_pb2_grpc.TextServiceStub(channel)

    async def embed_queries(
        self, texts: Sequence[str], *, include_tokens: bool, timeout_seconds: float
    ) -> tuple[Embedding, ...]:
        """Embed what a customer said or showed."""
        request = text_pb2.EmbedTextsRequest(
            texts=texts, input_type=text_pb2.INPUT_TYPE_QUERY, include_tokens=include_tokens
        )
        try:
            response = await self._stub.EmbedTexts(request, timeout=timeout_seconds, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise with_fields(as_domain_error(error, "text"), lambda _: "text") from error
        if len(response.embeddings) != len(texts):
            raise Unavailable("TEXT_UNAVAILABLE", "text did not return an embedding for each text")
        return tuple(
            embedding_from_wire(embedding, response.embedding_model) for embedding in response.embeddings
        )
