"""The exported text encoder on a real Triton, called as the text service calls it."""

import json
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
import pytest_asyncio

from services.inference.client import TritonClient
from services.text.encoder import InputType, TextEncoder
from services.text.model import EMBEDDING_MODEL, TEXT_ENCODER
from services.text.tokenizer import HuggingFaceTokenizer
from services.triton.local_server import LocalTriton
from tests.harness.suite import BUILD, ROOT
from tests.harness.triton import free_ports

pytestmark = pytest.mark.integration

REPOSITORY = BUILD / "model_repository"
REFERENCE = ROOT / "training" / "export" / "models" / "text_encoder_reference.json"


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    log = tmp_path_factory.mktemp("log") / "triton.log"
    with LocalTriton(REPOSITORY, **free_ports(), log_file=log, models=[TEXT_ENCODER.name]) as running:
        yield running


@pytest_asyncio.fixture
async def client(triton: LocalTriton) -> AsyncIterator[TritonClient]:
    connected = TritonClient(triton.url)
    yield connected
    await connected.close()


@pytest.fixture
def encoder(client: TritonClient) -> TextEncoder:
    return TextEncoder(HuggingFaceTokenizer(REPOSITORY / TEXT_ENCODER.name / "1" / "tokenizer.json"), client)


async def test_vectors_and_token_counts_are_those_of_the_source(encoder: TextEncoder) -> None:
    for input_type in InputType:
        cases = [
            case for case in json.loads(REFERENCE.read_text()) if case["text"].startswith(input_type.value)
        ]
        texts = [case["text"].removeprefix(input_type.value) for case in cases]

        embeddings = await encoder.embed(texts, input_type, timeout_seconds=30)

        assert [embedding.token_count for embedding in embeddings] == [case["token_count"] for case in cases]
        for embedding, case in zip(embeddings, cases, strict=True):
            assert float(embedding.sentence @ np.array(case["sentence"])) > 0.999


async def test_a_vector_does_not_depend_on_the_texts_beside_it(encoder: TextEncoder) -> None:
    texts = [
        "Where is my order?",
        "我的订单在哪里？",
        "hi",
        "a " * 700,
        "Can I return a laptop that I opened?",
    ]

    together = await encoder.embed(texts, InputType.QUERY, timeout_seconds=30)

    for text, embedding in zip(texts, together, strict=True):
        (alone,) = await encoder.embed([text], InputType.QUERY, timeout_seconds=30)
        np.testing.assert_allclose(embedding.sentence, alone.sentence, atol=1e-4)
    assert [embedding.truncated for embedding in together] == [False, False, False, True, False]
    assert together[3].token_count == 512


async def test_a_question_is_nearest_to_its_passage_in_either_language(encoder: TextEncoder) -> None:
    passages = await encoder.embed(
        [
            "You can return any item within thirty days of delivery and get your money back.",
            "Parcels arrive two to four working days after we have sent them.",
            "Hold the power button for ten seconds to restart the headphones.",
        ],
        InputType.PASSAGE,
        timeout_seconds=30,
    )
    questions = await encoder.embed(
        ["How long does delivery take?", "我想退货", "My headphones are frozen"],
        InputType.QUERY,
        timeout_seconds=30,
    )

    scores = (
        np.array([question.sentence for question in questions])
        @ np.array([passage.sentence for passage in passages]).T
    )
    assert scores.argmax(axis=1).tolist() == [1, 0, 2]


async def test_tokens_are_the_texts_own(encoder: TextEncoder) -> None:
    english, mandarin = await encoder.embed(
        ["Where is my order?", "我的订单"], InputType.QUERY, include_tokens=True, timeout_seconds=30
    )

    assert english.pieces == ["▁Where", "▁is", "▁my", "▁order", "?"]
    assert "".join(mandarin.pieces) == "我的订单"
    assert english.token_vectors.shape == (5, 384)


async def test_the_manifest_names_the_vector_space(client: TritonClient) -> None:
    manifest = json.loads((await client.parameters(TEXT_ENCODER))["manifest"])

    assert manifest["embedding_model"] == EMBEDDING_MODEL
    assert manifest["parity"]["lowest_cosine"] > 0.999
