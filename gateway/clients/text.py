"""Text to vectors over gRPC."""

import grpc
from frontdesk.text.v1 import text_pb2, text_pb2_grpc

from gateway.clients.fields import with_fields
from gateway.turn.types import Embedding
from services.serving.calls import as_domain_error, call_metadata
from services.serving.errors import Unavailable

SERVICE = "frontdesk.text.v1.TextService"


class TextClient:
    """A ``TextEmbedder`` that calls ``TextService``."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = text_pb2_grpc.TextServiceStub(channel)

    async def embed_query(self, text: str, *, timeout_seconds: float) -> Embedding:
        """Embed what a customer said."""
        request = text_pb2.EmbedTextsRequest(texts=[text], input_type=text_pb2.INPUT_TYPE_QUERY)
        try:
            response = await self._stub.EmbedTexts(request, timeout=timeout_seconds, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise with_fields(as_domain_error(error, "text"), lambda _: "text") from error
        if len(response.embeddings) != 1:
            raise Unavailable("TEXT_UNAVAILABLE", "text did not return the one embedding asked for")
        embedding = response.embeddings[0]
        return Embedding(
            tuple(embedding.sentence), response.embedding_model, embedding.token_count, embedding.truncated
        )
