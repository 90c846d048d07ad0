"""The whole way: a small encoder learns, is written, exported and asked by the code that serves it."""

import io
import json
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console

from services.text.model import RERANKER
from tests.unit.training.reranker import small
from training.export.context import ExportContext
from training.export.models import reranker as exporter
from training.reranker.arguments import RerankerArguments
from training.reranker.data import Corpus
from training.weights.store import WeightStore

pytest.importorskip("torch")

ARGUMENTS = RerankerArguments(
    keep_layers=1,
    freeze_embeddings=False,
    max_tokens=16,
    steps=100,
    learning_rate=5e-3,
    negatives=4,
    validate_every=50,
    patience=0,
    threads=1,
)


def run(corpus: Corpus, arguments: RerankerArguments, out: Path) -> dict[str, Any]:
    from training.reranker.__main__ import run as whole

    return whole(
        [corpus], small.HashEncoder(), arguments, out, 50, Console(file=io.StringIO()), small.encoder()
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "reranker"
    run(small.corpus(), ARGUMENTS, folder)
    return folder


def told(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def test_it_learns_what_no_search_finds(trained: Path) -> None:
    manifest = told(trained)
    figures = manifest["test"]["small"]["figures"]

    assert figures["reranked"]["mrr"] > 0.9 > figures["search"]["mrr"]
    assert manifest["report"]["validation_mrr"] > manifest["report"]["validation_mrr_before_training"]
    assert manifest["report"]["steps"] == 100


def test_what_is_written_is_whole_and_says_what_it_is(trained: Path) -> None:
    manifest = told(trained)
    card = (trained / "README.md").read_text(encoding="utf-8")

    assert {path.name for path in trained.iterdir()} == {
        "model.onnx",
        "tokenizer.json",
        "manifest.json",
        "README.md",
    }
    assert manifest["parity"]["largest_difference"] < 1e-3
    assert (
        manifest["forms"]["int8"]["validation_mrr"] >= manifest["forms"]["float32"]["validation_mrr"] - 0.05
    )
    assert manifest["reranker_model"].startswith("tiny-1@")
    assert manifest["reranker_model"] in card
    assert manifest["files"]["model.onnx"] in card
    assert not list(trained.parent.glob(".*"))


def test_a_killed_training_comes_to_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.dialogue.knowledge.words import WordSplitter
    from training.reranker import train as module
    from training.reranker.batches import Batches
    from training.reranker.retrieval import Retrieval
    from training.understanding.train import Untracked

    corpus = small.corpus()
    retrieval = Retrieval(corpus, small.HashEncoder(), WordSplitter())
    learned = [(corpus, retrieval(corpus.of("train"), 8))]
    kept_back = [(corpus, retrieval(corpus.of("validation"), 8))]

    def train(folder: Path) -> Any:
        quiet, encoder = Untracked(), small.encoder()
        return module.train(learned, kept_back, ARGUMENTS, folder, tracker=quiet, encoder=encoder)[0]

    whole = train(tmp_path / "whole")

    draw = Batches.batch

    def killed(self: Batches, step: int) -> Any:
        if step == 70:
            raise KeyboardInterrupt
        return draw(self, step)

    monkeypatch.setattr(Batches, "batch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut")
    drawn: list[int] = []

    def watched(self: Batches, step: int) -> Any:
        drawn.append(step)
        return draw(self, step)

    monkeypatch.setattr(Batches, "batch", watched)
    cut = train(tmp_path / "cut")

    assert drawn[0] == 50
    questions, passages = ["the apple please", "about drum"], ["fruit the", "wax about"]
    np.testing.assert_array_equal(whole(questions, passages), cut(questions, passages))


def test_a_loss_that_is_no_number_ends_with_what_to_change(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(FloatingPointError, match=r"at step .* lower learning_rate"):
        run(small.corpus(), replace(ARGUMENTS, learning_rate=1e30, clip_norm=0.0), tmp_path / "reranker")
    assert not (tmp_path / "reranker").exists()


def context(repository: Path, reranker: Path | None = None) -> ExportContext:
    store = cast(WeightStore, None)
    return ExportContext(store, repository, console=Console(file=io.StringIO()), reranker=reranker)


def test_the_export_serves_what_was_trained(trained: Path, tmp_path: Path) -> None:
    from training.reranker.served import Served

    repository = tmp_path / "repository"
    exporter.export(context(repository, trained))

    version = repository / RERANKER.name / "1"
    pairs = (["the apple please", "about drum please"], ["fruit the", "wax about"])
    np.testing.assert_array_equal(Served(version)(*pairs), Served(trained)(*pairs))
    assert told(version)["reranker_model"] == told(trained)["reranker_model"]
    assert told(version)["parity"]["largest_difference"] < 0.1
    assert (version / "model.py").is_file()
    assert 'name: "question"' in (repository / RERANKER.name / "config.pbtxt").read_text()


def test_a_repository_has_a_reranker_only_where_one_was_trained(trained: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    exporter.export(context(repository))
    assert not (repository / RERANKER.name).exists()

    shutil.copytree(trained, tmp_path / "reranker")
    exporter.export(context(repository))
    assert (repository / RERANKER.name).is_dir()

    shutil.rmtree(tmp_path / "reranker")
    exporter.export(context(repository))
    assert not (repository / RERANKER.name).exists()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.onnx", None, "model.onnx: is missing"),
        ("model.onnx", b"x", "model.onnx: is not the one that manifest.json names"),
        ("manifest.json", b"{}", "manifest.json: files, references"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_with_what_to_run(
    trained: Path, tmp_path: Path, file: str, content: bytes | None, said: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(trained, broken)
    (broken / file).unlink()
    if content is not None:
        (broken / file).write_bytes(content)

    with pytest.raises(ValueError, match=f"{said}.*python -m training.reranker"):
        exporter.export(context(tmp_path / "repository", broken))
    assert not (tmp_path / "repository" / RERANKER.name).exists()
    with pytest.raises(ValueError, match="there is no such folder"):
        exporter.export(context(tmp_path / "repository", tmp_path / "nowhere"))


def test_a_model_that_says_something_else_here_is_refused(trained: Path, tmp_path: Path) -> None:
    manifest = {**told(trained), "references": [9.0, 9.0, 9.0]}

    with pytest.raises(ValueError, match="says something else here than where it was trained"):
        exporter.check_parity(trained, manifest)


def test_the_code_that_serves_scores_as_torch_does(trained: Path) -> None:
    from training.export.backends.reranker.scorer import PairScorer

    scorer = PairScorer(trained, threads=1)
    rng = np.random.default_rng(0)
    words = (*small.ASKED, *small.ANSWERED, "unseen", "你好")
    questions = [" ".join(rng.choice(words, int(rng.integers(1, 40)))) for _ in range(30)]
    passages = [" ".join(rng.choice(words, int(rng.integers(1, 60)))) for _ in range(30)]

    together = scorer.score(questions, passages)

    alone = [scorer.score([q], [p])[0] for q, p in zip(questions, passages, strict=True)]
    np.testing.assert_allclose(together, alone, atol=0.05 * float(np.abs(together).max()))
    assert np.isfinite(together).all()
