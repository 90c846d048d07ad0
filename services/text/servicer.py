"""``TextService`` on the wire."""

from collections.abc import Mapping
from typing import Any

import grpc
from frontdesk.text.v1 import text_pb2, text_pb2_grpc

from services.serving.deadlines import remaining_seconds
from services.serving.errors import FieldViolation, InvalidArgument, ResourceExhausted
from services.text.encoder import Embedding, InputType, TextEncoder
from services.text.model import EMBEDDING_MODEL
from services.text.reranker import Reranker

_INPUT_TYPES = {
    text_pb2.INPUT_TYPE_QUERY: InputType.QUERY,
    text_pb2.INPUT_TYPE_PASSAGE: InputType.PASSAGE,
}


class TextServicer(text_pb2_grpc.TextServiceServicer):
    """Validates and converts.

    ``max_texts`` is the most texts or passages of a request, ``max_text_characters`` the
    longest text.
    """

    def __init__(
        self, encoder: TextEncoder, reranker: Reranker, *, max_texts: int, max_text_characters: int
    ) -> None:
        self._encoder = encoder
        self._reranker = reranker
        self._max_texts = max_texts
        self._max_text_characters = max_text_characters

    async def EmbedTexts(  # noqa: N802 (the RPC's name)
        self,
        request: text_pb2.EmbedTextsRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> text_pb2.EmbedTextsResponse:
        """Embed a batch of texts."""
        input_type = self._validated(request)
        embeddings = await self._encoder.embed(
            request.texts,
            input_type,
            include_tokens=request.include_tokens,
            timeout_seconds=remaining_seconds(context),
        )
        return text_pb2.EmbedTextsResponse(
            embeddings=[_embedding(embedding) for embedding in embeddings],
            embedding_model=EMBEDDING_MODEL,
        )

    async def Rerank(  # noqa: N802 (the RPC's name)
        self,
        request: text_pb2.RerankRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> text_pb2.RerankResponse:
        """Score passages for a question."""
        self._validate(request)
        found = await self._reranker.rerank(
            request.query, request.passages, timeout_seconds=remaining_seconds(context)
        )
        return text_pb2.RerankResponse(scores=found.scores, reranker_model=found.model)

    def _validate(self, request: text_pb2.RerankRequest) -> None:
        if not request.passages:
            raise InvalidArgument("PASSAGES_EMPTY", "passages is empty: send at least one", field="passages")
        if len(request.passages) > self._max_texts:
            raise ResourceExhausted(
                "TOO_MANY_PASSAGES",
                f"{len(request.passages)} passages are more than {self._max_texts}: send the best of them",
                field="passages",
                metadata={"max_passages": str(self._max_texts)},
            )
        passages = {f"passages[{index}]": passage for index, passage in enumerate(request.passages)}
        self._refuse({"query": request.query, **passages})

    def _validated(self, request: text_pb2.EmbedTextsRequest) -> InputType:
        if not request.texts:
            raise InvalidArgument("TEXTS_EMPTY", "texts is empty: send at least one", field="texts")
        if len(request.texts) > self._max_texts:
            raise ResourceExhausted(
                "TOO_MANY_TEXTS",
                f"{len(request.texts)} texts are more than {self._max_texts}: send them in several requests",
                field="texts",
                metadata={"max_texts": str(self._max_texts)},
            )
        self._refuse({f"texts[{index}]": text for index, text in enumerate(request.texts)})
        input_type = _INPUT_TYPES.get(request.input_type)
        if input_type is None:
            raise InvalidArgument(
                "INPUT_TYPE_UNKNOWN",
                "input_type does not say what the texts are for: name INPUT_TYPE_QUERY or INPUT_TYPE_PASSAGE",
                field="input_type",
            )
        return input_type

    def _refuse(self, texts: Mapping[str, str]) -> None:
        """Raise ``InvalidArgument`` with each field of ``texts`` that cannot be read."""
        violations = [
            FieldViolation(field, problem)
            for field, text in texts.items()
            if (problem := self._problem(text))
        ]
        if violations:
            first = violations[0]
            raise InvalidArgument("TEXT_INVALID", f"{first.field} {first.description}", violations=violations)

    def _problem(self, text: str) -> str:
        if not text.strip():
            return "is empty: leave it out, or send some words"
        if len(text) > self._max_text_characters:
            return f"has {len(text)} characters, more than {self._max_text_characters}: split it"
        return ""


def _embedding(embedding: Embedding) -> text_pb2.TextEmbedding:
    return text_pb2.TextEmbedding(
        sentence=embedding.sentence.tolist(),
        tokens=[
            text_pb2.TokenEmbedding(token=piece, vector=vector.tolist())
            for piece, vector in zip(embedding.pieces, embedding.token_vectors, strict=True)
        ],
        token_count=embedding.token_count,
        truncated=embedding.truncated,
    )
