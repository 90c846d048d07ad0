"""A domain's fine-tuned encoder comes into the repository, is checked, and leaves it with its folder."""

import hashlib
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console

from services.dialogue.domain.types import Domain
from tests.fakes.understanding import LABELS, write_encoder
from training.export.context import ExportContext
from training.export.models import understanding
from training.export.versions import read_manifest, versions
from training.text import out_of_fold
from training.weights.store import WeightStore

FILES = ("model.onnx", "tokenizer.json", "out_of_fold.npz")


def train(folder: Path, temperature: float = 1.0, **changed: Any) -> Path:
    """Write what ``frontdesk train --domain`` leaves in a domain's folder."""
    model = folder / "models" / "understanding"
    write_encoder(model)
    np.savez(model / "out_of_fold.npz", keys=["a"], targets=[0], logits=np.zeros((1, 3), np.float32))
    manifest = {
        **read_manifest(model),
        "temperature": temperature,
        "licence": "MIT",
        "files": {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in FILES},
        **changed,
    }
    manifest["fingerprint"] = out_of_fold.fingerprint(manifest)
    (model / "manifest.json").write_text(json.dumps(manifest))
    (model / "manifest.json").write_text(
        json.dumps({"references": understanding.references(model), **manifest})
    )
    (model / "README.md").write_text("# understanding_shop\n")
    return model


@pytest.fixture
def context(tmp_path: Path) -> ExportContext:
    domain = tmp_path / "shop"
    domain.mkdir()
    made = ExportContext(
        cast(WeightStore, None), tmp_path / "repository", domain, Console(file=io.StringIO(), width=200)
    )
    # A domain with the fake's labels; reading a real one is tested elsewhere.
    company = SimpleNamespace(
        name="shop", labels=LABELS, product_labels=(), kind_labels=(), picture_labels=()
    )
    made.__dict__["company"] = cast(Domain, company)
    return made


def told(context: ExportContext) -> str:
    return cast(io.StringIO, context.console.file).getvalue()


def test_the_model_stands_with_its_tokenizer_and_card(context: ExportContext, tmp_path: Path) -> None:
    model = train(tmp_path / "shop")
    understanding.export(context)

    version = context.repository / "understanding_shop" / "1"
    assert (version / "model.onnx").read_bytes() == (model / "model.onnx").read_bytes()
    assert {path.name for path in version.iterdir()} >= {
        "tokenizer.json",
        "README.md",
        "encoder.py",
        "model.py",
    }
    manifest = read_manifest(version)
    assert manifest["fingerprint"] == read_manifest(model)["fingerprint"]
    assert manifest["labels"] == list(LABELS)
    assert manifest["parity"] == {"texts": 3, "largest_difference": 0.0}
    assert not (version / "out_of_fold.npz").exists()

    understanding.export(context)
    assert "understanding_shop 1: up to date" in told(context)


def test_another_training_is_the_next_version(context: ExportContext, tmp_path: Path) -> None:
    train(tmp_path / "shop")
    understanding.export(context)
    train(tmp_path / "shop", temperature=2.0)
    understanding.export(context)

    model = context.repository / "understanding_shop"
    assert versions(model) == [1, 2]
    assert (model / "1/model.onnx").samefile(model / "2/model.onnx")
    assert read_manifest(model / "1")["fingerprint"] != read_manifest(model / "2")["fingerprint"]


def test_without_the_folder_there_is_no_model(context: ExportContext, tmp_path: Path) -> None:
    understanding.export(context)
    assert not (context.repository / "understanding_shop").exists()

    model = train(tmp_path / "shop")
    understanding.export(context)
    for path in model.iterdir():
        path.unlink()
    model.rmdir()
    understanding.export(context)
    assert not (context.repository / "understanding_shop").exists()
    assert "understanding_shop: taken away" in told(context)


def test_other_labels_than_the_domains_are_refused(context: ExportContext, tmp_path: Path) -> None:
    train(tmp_path / "shop", labels=["hello", "parcel", "out_of_scope"])

    with pytest.raises(ValueError, match=r"other intents than shop has \(order, parcel\).*frontdesk train"):
        understanding.export(context)


def test_files_of_two_trainings_are_refused(context: ExportContext, tmp_path: Path) -> None:
    model = train(tmp_path / "shop")
    (model / "tokenizer.json").write_text("{}")

    with pytest.raises(ValueError, match=r"tokenizer\.json is not the file.*frontdesk train"):
        understanding.export(context)


def test_what_says_something_else_here_is_refused(context: ExportContext, tmp_path: Path) -> None:
    model = train(tmp_path / "shop")
    manifest = read_manifest(model)
    manifest["references"]["intents"][0][0] += 0.5
    (model / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(ValueError, match=r"says something else here than where it was trained, 5\.0e-01"):
        understanding.export(context)
    assert not (context.repository / "understanding_shop").exists()
