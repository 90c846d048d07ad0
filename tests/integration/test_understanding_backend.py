"""The backend of fine-tuned encoders on a real Triton, with an encoder of a few words."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from services.dialogue.model import understanding_spec
from services.inference.client import TritonClient
from services.inference.port import Tensors
from services.serving.errors import InvalidArgument
from services.triton.local_server import LocalTriton
from tests.fakes.understanding import WORDS, expected, write_encoder
from tests.harness.triton import free_ports
from training.export.config import render

pytestmark = pytest.mark.integration

SPEC = understanding_spec("kiosk")
BACKEND = Path(__file__).parents[2] / "training" / "export" / "backends" / "understanding"


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    repository = tmp_path_factory.mktemp("repository")
    version = repository / SPEC.name / "1"
    write_encoder(version)
    shutil.copytree(BACKEND, version, dirs_exist_ok=True)
    (repository / SPEC.name / "config.pbtxt").write_text(render(SPEC, {}))
    log = tmp_path_factory.mktemp("log") / "triton.log"
    with LocalTriton(repository, **free_ports(), log_file=log) as running:
        yield running


@pytest_asyncio.fixture
async def client(triton: LocalTriton) -> AsyncIterator[TritonClient]:
    connected = TritonClient(triton.url)
    yield connected
    await connected.close()


def request(*texts: str | bytes) -> Tensors:
    rows = [[text if isinstance(text, bytes) else text.encode()] for text in texts]
    return {"text": np.array(rows, np.object_)}


def assert_understood(answer: Tensors, *texts: str) -> None:
    assert answer["fingerprint"].tolist() == [[b"f1"]] * len(texts)
    for row, text in enumerate(texts):
        intents, sentence = expected(["ask", *text.split()])
        np.testing.assert_allclose(answer["intents"][row], intents, atol=1e-5)
        np.testing.assert_allclose(answer["sentence"][row], sentence, atol=1e-5)


async def test_requests_that_wait_together_each_get_their_own(client: TritonClient) -> None:
    rng = np.random.default_rng(0)
    asked = [
        [" ".join(rng.choice(WORDS, count)) for count in rng.integers(1, 9, rows)]
        for rows in rng.integers(1, 5, 80)
    ]
    answers = await asyncio.gather(
        *(client.infer(SPEC, request(*texts), timeout_seconds=30) for texts in asked)
    )
    for answer, texts in zip(answers, asked, strict=True):
        assert_understood(answer, *texts)


@pytest.mark.parametrize(
    ("text", "words"),
    [(b"", "text is empty"), (b" \n\t", "text is empty"), (b"order \xff\xfe", "not UTF-8, from its byte 6")],
)
async def test_a_text_that_is_none_is_refused_alone(client: TritonClient, text: bytes, words: str) -> None:
    good = [" ".join(WORDS[: count % 7 + 1]) for count in range(30)]
    inputs = [*map(request, good[:15]), request(text), *map(request, good[15:])]
    answers = await asyncio.gather(
        *(client.infer(SPEC, each, timeout_seconds=30) for each in inputs), return_exceptions=True
    )
    refused = answers.pop(15)
    assert isinstance(refused, InvalidArgument)
    assert words in refused.message
    assert "order" not in refused.message
    for answer, own in zip(answers, good, strict=True):
        assert not isinstance(answer, BaseException)
        assert_understood(answer, own)


async def test_one_empty_text_refuses_its_whole_request(client: TritonClient) -> None:
    with pytest.raises(InvalidArgument, match="text is empty"):
        await client.infer(SPEC, request("hello", ""), timeout_seconds=10)


async def test_long_texts_and_strange_ones_are_answered(client: TritonClient) -> None:
    texts = ["parcel " * 100_000, "🦓" * 10_000, "\x00", "​", "你好" * 4000]
    answer = await client.infer(SPEC, request(*texts), timeout_seconds=30)
    np.testing.assert_allclose(answer["intents"].sum(axis=1), 1.0, atol=1e-5)


async def test_what_nobody_asks_for_is_left_out(client: TritonClient) -> None:
    answer = await client.infer(
        SPEC, request("hello"), outputs=["intents", "fingerprint"], timeout_seconds=10
    )
    assert set(answer) == {"intents", "fingerprint"}
