"""Embedding by the text service, over gRPC."""

from collections.abc import Sequence

import grpc
import numpy as np
from frontdesk.text.v1 import text_pb2, text_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray

from services.dialogue.ports import Embeddings, Purpose
from services.serving.calls import as_domain_error, call_metadata
from services.serving.errors import Unavailable

SERVICE = "frontdesk.text.v1.TextService"

MAX_TEXTS = 32
"""Texts of one call; the text service takes 64 by default."""

_HEALTH_SECONDS = 1.0
_INPUT_TYPES = {
    Purpose.QUERY: text_pb2.INPUT_TYPE_QUERY,
    Purpose.PASSAGE: text_pb2.INPUT_TYPE_PASSAGE,
}


class TextClient:
    """Implements ``services.dialogue.ports.TextEmbedder``; calls with the current caller's credential."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = text_pb2_grpc.TextServiceStub(channel)
        self._health = health_pb2_grpc.HealthStub(channel)

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, *, include_tokens: bool = False, timeout_seconds: float
    ) -> Embeddings:
        """Embed texts, in several calls where there are many."""
        vectors: list[Sequence[float]] = []
        tokens: list[NDArray[np.float32]] = []
        models: set[str] = set()
        for start in range(0, len(texts), MAX_TEXTS):
            request = text_pb2.EmbedTextsRequest(
                texts=texts[start : start + MAX_TEXTS],
                input_type=_INPUT_TYPES[purpose],
                include_tokens=include_tokens,
            )
            try:
                response = await self._stub.EmbedTexts(
                    request, timeout=timeout_seconds, metadata=call_metadata()
                )
            except grpc.aio.AioRpcError as error:
                raise as_domain_error(error, "text") from error
            vectors.extend(embedding.sentence for embedding in response.embeddings)
            if include_tokens:
                tokens.extend(token_vectors(embedding) for embedding in response.embeddings)
            models.add(response.embedding_model)
        if len(models) != 1 or len(vectors) != len(texts):
            raise Unavailable("TEXT_UNAVAILABLE", "the text service changed its model meanwhile: try again")
        return Embeddings(np.asarray(vectors, np.float32), models.pop(), tuple(tokens))

    async def ready(self) -> bool:
        """Whether the text service says that it serves."""
        try:
            response = await self._health.Check(
                health_pb2.HealthCheckRequest(service=SERVICE), timeout=_HEALTH_SECONDS
            )
        except grpc.aio.AioRpcError:
            return False
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


def token_vectors(embedding: text_pb2.TextEmbedding) -> NDArray[np.float32]:
    """Give the token vectors of an embedded text, float32 ``[tokens, width]``."""
    vectors = [np.fromiter(token.vector, np.float32, len(token.vector)) for token in embedding.tokens]
    return np.stack(vectors) if vectors else np.zeros((0, len(embedding.sentence)), np.float32)
