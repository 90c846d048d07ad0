"""TextService on a real socket, with a model of its own making."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from frontdesk.text.v1 import text_pb2, text_pb2_grpc
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.serving.errors import Unavailable
from services.serving.server import Registration
from services.text.encoder import TextEncoder
from services.text.model import TEXT_ENCODER
from services.text.servicer import TextServicer
from tests.contract.conformance import Check, Peer, conformance
from tests.fakes.inference import FakeInference
from tests.fakes.text import WordTokenizer, encode
from tests.harness.grpc_server import Served, serving

SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"]
QUERY = text_pb2.INPUT_TYPE_QUERY
GOOD = text_pb2.EmbedTextsRequest(texts=["where is my order"], input_type=QUERY)


def registration(inference: FakeInference) -> Registration:
    encoder = TextEncoder(WordTokenizer(), inference)
    return Registration(
        SERVICE.full_name,
        text_pb2_grpc.add_TextServiceServicer_to_server,
        TextServicer(encoder, max_texts=4, max_text_characters=100),
    )


@pytest.fixture
def inference() -> FakeInference:
    return FakeInference({TEXT_ENCODER.name: encode})


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
    await check(Peer.of(served), method, [GOOD])


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
