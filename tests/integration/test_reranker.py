"""A reranker as training leaves it, exported and served by a real Triton."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from services.inference.client import TritonClient
from services.serving.errors import FailedPrecondition, InvalidArgument, Unavailable
from services.text.model import RERANKER, TEXT_ENCODER
from services.text.reranker import Reranker
from services.triton.local_server import LocalTriton
from tests.fakes.reranker import expected, write_reranker
from tests.harness.suite import BUILD
from tests.harness.triton import free_ports
from training.export.context import ExportContext
from training.export.models import reranker as exporter
from training.weights.store import WeightStore

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    folder = tmp_path_factory.mktemp("reranker")
    trained = folder / "reranker"
    write_reranker(trained)
    manifest = trained / "manifest.json"
    told = {**json.loads(manifest.read_text(encoding="utf-8")), "precision": "float32"}
    manifest.write_text(json.dumps({**told, "references": exporter.references(trained)}), encoding="utf-8")
    console = Console(file=io.StringIO())
    exporter.export(ExportContext(cast(WeightStore, None), folder / "repository", console=console))
    with LocalTriton(folder / "repository", **free_ports(), log_file=folder / "triton.log") as running:
        yield running


async def test_passages_are_scored_as_training_scored_them(triton: LocalTriton) -> None:
    client = TritonClient(triton.url)
    try:
        passages = ["parcel", "退货 订单", "unseen", *["weather"] * 30]
        found = await Reranker(client).rerank("order", passages, timeout_seconds=30)
    finally:
        await client.close()

    assert found.scores == [expected("order", passage) for passage in passages]
    assert found.model == "words-1@12345678"


async def test_an_empty_passage_is_the_callers_fault(triton: LocalTriton) -> None:
    client = TritonClient(triton.url)
    try:
        with pytest.raises(InvalidArgument):
            await Reranker(client).rerank("order", ["parcel", " "], timeout_seconds=30)
        assert (await Reranker(client).rerank("order", ["parcel"], timeout_seconds=30)).scores
    finally:
        await client.close()


async def test_without_a_reranker_it_is_said_what_to_do(tmp_path: Path) -> None:
    repository = BUILD / "model_repository"
    if (repository / RERANKER.name).is_dir():
        pytest.skip("the repository has a reranker")
    log = tmp_path / "triton.log"
    with LocalTriton(repository, **free_ports(), log_file=log, models=[TEXT_ENCODER.name]) as running:
        client = TritonClient(running.url)
        try:
            with pytest.raises(FailedPrecondition) as missing:
                await Reranker(client).rerank("order", ["parcel"], timeout_seconds=30)
        finally:
            await client.close()
    assert missing.value.reason == "RERANKER_MISSING"
    gone = TritonClient(running.url)
    with pytest.raises(Unavailable):
        await Reranker(gone).rerank("order", ["parcel"], timeout_seconds=5)
    await gone.close()
