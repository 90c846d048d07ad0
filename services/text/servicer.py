"""``TextService`` on the wire."""

from typing import Any

import grpc
from frontdesk.text.v1 import text_pb2, text_pb2_grpc

from services.serving.deadlines import remaining_seconds
from services.serving.errors import FieldViolation, InvalidArgument, ResourceExhausted
from services.text.encoder import Embedding, InputType, TextEncoder
from services.text.model import EMBEDDING_MODEL

_INPUT_TYPES = {
    text_pb2.INPUT_TYPE_QUERY: InputType.QUERY,
    text_pb2.INPUT_TYPE_PASSAGE: InputType.PASSAGE,
}


class TextServicer(text_pb2_grpc.TextServiceServicer):
    """Validates and converts.

    ``max_texts`` is the most texts of a request, ``max_text_characters`` the longest text.
    """

    def __init__(self, encoder: TextEncoder, *, max_texts: int, max_text_characters: int) -> None:
        self._encoder = encoder
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
        violations = [
            FieldViolation(f"texts[{index}]", problem)
            for index, text in enumerate(request.texts)
            if (problem := self._problem(text))
        ]
        if violations:
            first = violations[0]
            raise InvalidArgument("TEXT_INVALID", f"{first.field} {first.description}", violations=violations)
        input_type = _INPUT_TYPES.get(request.input_type)
        if input_type is None:
            raise InvalidArgument(
                "INPUT_TYPE_UNKNOWN",
                "input_type does not say what the texts are for: name INPUT_TYPE_QUERY or INPUT_TYPE_PASSAGE",
                field="input_type",
            )
        return input_type

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
