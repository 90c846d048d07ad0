"""The backend for ONNX graphs on a real Triton, with a small encoder."""

import asyncio
import dataclasses
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import pytest_asyncio

from services.inference.client import TritonClient
from services.inference.port import Tensors
from services.inference.spec import DataType, TensorSpec
from services.serving.errors import InvalidArgument, Unavailable
from services.text.model import TEXT_ENCODER
from services.triton.local_server import LocalTriton
from tests.fakes.e5 import PIECES, forward, small_weights
from tests.harness.triton import free_ports
from training.export.config import render
from training.export.models.bert_graph import build_encoder

pytestmark = pytest.mark.integration

WEIGHTS = small_weights()
SPEC = dataclasses.replace(
    TEXT_ENCODER,
    outputs=(
        TensorSpec("sentence", DataType.FP32, (WEIGHTS.width,)),
        TensorSpec("tokens", DataType.FP32, (-1, WEIGHTS.width)),
    ),
    max_batch_size=8,
)
BACKEND = Path(__file__).parents[2] / "training" / "export" / "backends" / "onnx" / "model.py"


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    repository = tmp_path_factory.mktemp("repository")
    version = repository / SPEC.name / "1"
    version.mkdir(parents=True)
    onnx.save(build_encoder(WEIGHTS), str(version / "model.onnx"))
    shutil.copy(BACKEND, version)
    (repository / SPEC.name / "config.pbtxt").write_text(render(SPEC, {}))
    log = tmp_path_factory.mktemp("log") / "triton.log"
    with LocalTriton(repository, **free_ports(), log_file=log) as running:
        yield running


@pytest_asyncio.fixture
async def client(triton: LocalTriton) -> AsyncIterator[TritonClient]:
    connected = TritonClient(triton.url)
    yield connected
    await connected.close()


def request(*lengths: int) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    random = np.random.default_rng(sum(lengths))
    mask = (np.arange(max(lengths))[None] < np.array(lengths)[:, None]).astype(np.int64)
    ids = random.integers(4, len(PIECES), mask.shape)
    return {"input_ids": ids * mask, "attention_mask": mask}


def assert_encoded(answer: Tensors, inputs: Tensors) -> None:
    expected = forward(WEIGHTS, inputs["input_ids"], inputs["attention_mask"])
    np.testing.assert_allclose(answer["sentence"], expected["sentence"], atol=0.02)
    if "tokens" in answer:
        assert answer["tokens"].shape == expected["tokens"].shape
        real = inputs["attention_mask"] == 1
        assert np.abs(answer["tokens"] - expected["tokens"])[real].mean() < 0.05


async def test_a_batch_is_encoded(client: TritonClient) -> None:
    inputs = request(5, 9, 1)

    assert_encoded(await client.infer(SPEC, inputs, timeout_seconds=10), inputs)


async def test_requests_that_wait_together_each_get_their_own(client: TritonClient) -> None:
    random = np.random.default_rng(0)
    requests = [
        request(*(int(length) for length in random.integers(1, 40, rows)))
        for rows in random.integers(1, 5, 60)
    ]
    outputs = [["sentence"], ["sentence", "tokens"]]

    answers = await asyncio.gather(
        *(
            client.infer(SPEC, inputs, outputs=outputs[index % 2], timeout_seconds=30)
            for index, inputs in enumerate(requests)
        )
    )

    for index, (answer, inputs) in enumerate(zip(answers, requests, strict=True)):
        assert set(answer) == set(outputs[index % 2])
        assert_encoded(answer, inputs)


async def test_a_bad_request_harms_none_that_waits_with_it(client: TritonClient) -> None:
    bad = request(WEIGHTS.positions + 1)
    good = [request(length) for length in range(21, 40)]

    answers = await asyncio.gather(
        *(client.infer(SPEC, inputs, timeout_seconds=30) for inputs in [*good[:10], bad, *good[10:]]),
        return_exceptions=True,
    )

    failed = answers.pop(10)
    assert isinstance(failed, Unavailable)
    for answer, inputs in zip(answers, good, strict=True):
        assert not isinstance(answer, BaseException)
        assert_encoded(answer, inputs)


async def test_inputs_that_do_not_fit_are_refused(client: TritonClient) -> None:
    lengths_differ = {**request(4), "attention_mask": np.ones((1, 5), np.int64)}
    with pytest.raises(InvalidArgument, match="length must be"):
        await client.infer(SPEC, lengths_differ, timeout_seconds=10)

    empty = {name: np.zeros((1, 0), np.int64) for name in ("input_ids", "attention_mask")}
    with pytest.raises(InvalidArgument, match="is empty"):
        await client.infer(SPEC, empty, timeout_seconds=10)

    too_many = {name: np.ones((9, 2), np.int64) for name in ("input_ids", "attention_mask")}
    with pytest.raises(InvalidArgument):
        await client.infer(SPEC, too_many, timeout_seconds=10)

    too_long = {name: np.ones((1, 41), np.int64) for name in ("input_ids", "attention_mask")}
    with pytest.raises(Unavailable):
        await client.infer(SPEC, too_long, timeout_seconds=10)

    inputs = request(4)
    assert_encoded(await client.infer(SPEC, inputs, timeout_seconds=10), inputs)
