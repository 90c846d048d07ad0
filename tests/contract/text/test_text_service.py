"""TextService on a real socket, with models of its own making."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import pytest
import pytest_asyncio
from frontdesk.text.v1 import text_pb2, text_pb2_grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.serving.errors import Unavailable
from services.serving.server import Registration
from services.text.encoder import TextEncoder
from services.text.model import RERANKER, TEXT_ENCODER
from services.text.reranker import Reranker
from services.text.servicer import TextServicer
from tests.contract.conformance import Check, Peer, conformance
from tests.fakes.inference import FakeInference
from tests.fakes.text import RERANKER_IDENTITY, WordTokenizer, encode, score
from tests.harness.grpc_server import Served, serving

SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"]
QUERY = text_pb2.INPUT_TYPE_QUERY
GOOD: Mapping[str, Message] = {
    "EmbedTexts": text_pb2.EmbedTextsRequest(texts=["where is my order"], input_type=QUERY),
    "Rerank": text_pb2.RerankRequest(query="where is my order", passages=["My order is late", "Refunds"]),
}


def registration(inference: FakeInference) -> Registration:
    encoder = TextEncoder(WordTokenizer(), inference)
    return Registration(
        SERVICE.full_name,
        text_pb2_grpc.add_TextServiceServicer_to_server,
        TextServicer(encoder, Reranker(inference), max_texts=4, max_text_characters=100),
    )


@pytest.fixture
def inference() -> FakeInference:
    return FakeInference({TEXT_ENCODER.name: encode, RERANKER.name: score})


@pytest_asyncio.fixture
async def served(inference: FakeInference) -> AsyncIterator[Served]:
    async with serving([registration(inference)]) as running:
        yield running


async def embed(served: Served, *texts: str, **fields: Any) -> text_pb2.EmbedTextsResponse:
    request = text_pb2.EmbedTextsRequest(texts=texts, **{"input_type": QUERY, **fields})
    return await text_pb2_grpc.TextServiceStub(served.channel).EmbedTexts(request, timeout=5)


def detail(error: grpc.aio.AioRpcError, message: Any) -> Any:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    (packed,) = [one for one in status.details if one.Is(message.DESCRIPTOR)]
    packed.Unpack(message)
    return message


@conformance(SERVICE)
async def test_conforms(method: MethodDescriptor, check: Check, served: Served) -> None:
    await check(Peer.of(served), method, [GOOD[method.name]])


async def rerank(served: Served, query: str, *passages: str) -> text_pb2.RerankResponse:
    request = text_pb2.RerankRequest(query=query, passages=passages)
    return await text_pb2_grpc.TextServiceStub(served.channel).Rerank(request, timeout=5)


async def test_texts_are_embedded_in_order_and_the_space_is_named(served: Served) -> None:
    response = await embed(served, "one", "one two three", "one two")

    assert [embedding.token_count for embedding in response.embeddings] == [4, 6, 5]
    assert all(len(embedding.sentence) == 384 for embedding in response.embeddings)
    assert not any(embedding.tokens for embedding in response.embeddings)
    assert response.embedding_model == "multilingual-e5-small@1"


async def test_token_vectors_come_when_asked_for(served: Served) -> None:
    response = await embed(served, "one three", include_tokens=True)

    tokens = response.embeddings[0].tokens
    assert [token.token for token in tokens] == ["one", "three"]
    assert [token.vector[0] for token in tokens] == [3.0, 5.0]
    assert all(len(token.vector) == 384 for token in tokens)


@pytest.mark.parametrize(
    ("texts", "fields", "code", "reason", "violated"),
    [
        ([], {}, grpc.StatusCode.INVALID_ARGUMENT, "TEXTS_EMPTY", ["texts"]),
        (["a", " \n", ""], {}, grpc.StatusCode.INVALID_ARGUMENT, "TEXT_INVALID", ["texts[1]", "texts[2]"]),
        (["a" * 101], {}, grpc.StatusCode.INVALID_ARGUMENT, "TEXT_INVALID", ["texts[0]"]),
        (["a"], {"input_type": 0}, grpc.StatusCode.INVALID_ARGUMENT, "INPUT_TYPE_UNKNOWN", ["input_type"]),
        (["a"], {"input_type": 99}, grpc.StatusCode.INVALID_ARGUMENT, "INPUT_TYPE_UNKNOWN", ["input_type"]),
        (["a"] * 5, {}, grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_TEXTS", ["texts"]),
    ],
)
async def test_bad_input_is_named(
    served: Served,
    texts: list[str],
    fields: dict[str, Any],
    code: grpc.StatusCode,
    reason: str,
    violated: list[str],
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await embed(served, *texts, **fields)

    assert caught.value.code() == code
    assert detail(caught.value, error_details_pb2.ErrorInfo()).reason == reason
    violations = detail(caught.value, error_details_pb2.BadRequest()).field_violations
    assert [violation.field for violation in violations] == violated


async def test_a_text_of_exactly_the_limit_is_embedded(served: Served) -> None:
    assert len((await embed(served, "字" * 100)).embeddings) == 1


async def test_a_model_that_is_away_is_unavailable_and_comes_back(
    served: Served, inference: FakeInference
) -> None:
    inference.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "model text_encoder is not being served now")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await embed(served, "one")
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

    inference.fail_with = None
    assert (await embed(served, "one")).embeddings


async def test_passages_are_scored_in_order_and_the_model_is_named(served: Served) -> None:
    response = await rerank(served, "where is my order", "my order", "refunds", "where is my order now")

    assert list(response.scores) == [2.0, 0.0, 4.0]
    assert response.reranker_model == RERANKER_IDENTITY


@pytest.mark.parametrize(
    ("query", "passages", "code", "reason", "violated"),
    [
        ("a", [], grpc.StatusCode.INVALID_ARGUMENT, "PASSAGES_EMPTY", ["passages"]),
        ("", ["b"], grpc.StatusCode.INVALID_ARGUMENT, "TEXT_INVALID", ["query"]),
        (" ", ["b", "\n"], grpc.StatusCode.INVALID_ARGUMENT, "TEXT_INVALID", ["query", "passages[1]"]),
        ("a" * 101, ["b"], grpc.StatusCode.INVALID_ARGUMENT, "TEXT_INVALID", ["query"]),
        ("a", ["b" * 101], grpc.StatusCode.INVALID_ARGUMENT, "TEXT_INVALID", ["passages[0]"]),
        ("a", ["b"] * 5, grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_PASSAGES", ["passages"]),
    ],
)
async def test_what_cannot_be_reranked_is_named(
    served: Served, query: str, passages: list[str], code: grpc.StatusCode, reason: str, violated: list[str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rerank(served, query, *passages)

    assert caught.value.code() == code
    assert detail(caught.value, error_details_pb2.ErrorInfo()).reason == reason
    violations = detail(caught.value, error_details_pb2.BadRequest()).field_violations
    assert [violation.field for violation in violations] == violated


async def test_without_a_reranker_the_caller_is_told_what_to_do() -> None:
    async with serving([registration(FakeInference({TEXT_ENCODER.name: encode}))]) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rerank(served, "a", "b")

        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert detail(caught.value, error_details_pb2.ErrorInfo()).reason == "RERANKER_MISSING"
        assert "python -m training.reranker" in str(caught.value.details())
        assert (await embed(served, "one")).embeddings


async def test_a_reranker_that_is_away_is_unavailable_and_comes_back(
    served: Served, inference: FakeInference
) -> None:
    inference.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "model reranker is not being served now")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rerank(served, "a", "b")
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

    inference.fail_with = None
    assert (await rerank(served, "a", "b")).scores
