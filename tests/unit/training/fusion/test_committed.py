"""The trained models that come with the demo company fit it; no torch."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from services.dialogue.domain.loader import load_domain
from services.dialogue.fusion_client import read_entry
from services.dialogue.labels import check_fusion_labels
from services.text.model import EMBEDDING_MODEL as TEXT_MODEL
from services.vision.model import EMBEDDING_MODEL as IMAGE_MODEL
from training.export.models import trained
from training.fusion.exported import ExportedFusion, marks, reference_rows
from training.vision import heads

SHOP = Path("domains/shop")
MODELS = SHOP / trained.MODELS
LARGEST = 5_000_000
"""Bytes of a committed model."""


@pytest.mark.parametrize("name", ["fusion", "picture"])
def test_it_tells_apart_what_the_shop_has(name: str) -> None:
    manifest = trained.read_manifest(MODELS / name)
    trained.check_labels(MODELS / name, manifest["labels"], load_domain(SHOP))
    assert (MODELS / name / "model.onnx").stat().st_size <= LARGEST
    assert manifest["command"] in (MODELS / name / "README.md").read_text(encoding="utf-8")


def test_dialogue_can_read_the_fusion_models_manifest() -> None:
    profile = read_entry("fusion_shop@1", trained.read_manifest(MODELS / "fusion"))
    check_fusion_labels(profile, load_domain(SHOP))
    assert profile.embedding_models.text == TEXT_MODEL
    assert profile.embedding_models.image == IMAGE_MODEL
    assert 0.0 < profile.thresholds.ask_at <= profile.thresholds.answer_at < 1.0
    assert 0.5 <= profile.thresholds.seen_at < 1.0
    assert profile.ranking.joint > 0.0
    assert profile.ranking_without_text.joint > 0.0


def test_the_fusion_graph_says_what_was_trained() -> None:
    fused = ExportedFusion(MODELS / "fusion").fuse(reference_rows())
    expected = trained.read_manifest(MODELS / "fusion")["references"]
    assert trained.check_marks(MODELS / "fusion", expected, marks(fused))["largest_difference"] < 0.02
    np.testing.assert_allclose(np.linalg.norm(fused.joint, axis=1), 1.0, atol=1e-4)
    for each in (fused.intents, fused.products, fused.kinds, fused.pictures):
        np.testing.assert_allclose(each.sum(axis=1), 1.0, atol=1e-4)


def test_the_picture_graph_says_what_was_trained() -> None:
    manifest = trained.read_manifest(MODELS / "picture")
    assert manifest["embedding_model"] == IMAGE_MODEL
    session = onnxruntime.InferenceSession(
        str(MODELS / "picture" / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    outputs = session.run(["products", "kinds"], {"pooled": heads.reference_pooled()})
    found = dict(zip(("products", "kinds"), map(heads.marks, outputs), strict=True))
    assert trained.check_marks(MODELS / "picture", manifest["references"], found)["largest_difference"] < 0.02


def test_another_training_is_found_out(tmp_path: Path) -> None:
    manifest = trained.read_manifest(MODELS / "fusion")
    fused = ExportedFusion(MODELS / "fusion").fuse(reference_rows())
    other = replace(fused, joint=-fused.joint)
    with pytest.raises(ValueError, match=r"two trainings.*python -m training\.fusion"):
        trained.check_marks(tmp_path / "models" / "fusion", manifest["references"], marks(other))


def test_other_labels_are_refused_with_what_to_run(tmp_path: Path) -> None:
    domain = load_domain(SHOP)
    labels = trained.read_manifest(MODELS / "fusion")["labels"]
    fewer = replace(domain, pictures=domain.pictures[1:])
    folder = tmp_path / "stall" / "models" / "fusion"
    with pytest.raises(ValueError, match=rf"{domain.pictures[0].id}.*--domain {tmp_path}/stall"):
        trained.check_labels(folder, labels, fewer)
    with pytest.raises(ValueError, match=r"no trained model.*python -m training\.fusion"):
        trained.read_manifest(folder)


def test_another_vector_space_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"embedding_model": "other@7"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"other@7.*python -m training\.fusion"):
        trained.check_space(MODELS / "fusion", IMAGE_MODEL, tmp_path)
