"""Regions, and the models that come with the shop."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.dialogue.fused import PictureFeatures
from tests.harness.suite import ROOT
from training.explain.attribution import ExplainError, attribute
from training.explain.explanation import explain
from training.explain.models import open_model
from training.explain.pictures import RegionSubject, as_grid
from training.explain.words import WordFinder

MODELS = ROOT / "domains" / "shop" / "models"


def picture(seed: int = 0) -> PictureFeatures:
    regions = np.abs(np.random.default_rng(seed).standard_normal((49, 1280))).astype(np.float32)
    return PictureFeatures(regions.mean(axis=0), regions)


def test_a_region_that_is_left_out_is_zero_and_gone_from_the_pooled_vector() -> None:
    asked: list[PictureFeatures] = []

    def predict(pictures: Sequence[PictureFeatures]) -> NDArray[np.float64]:
        asked.extend(pictures)
        return np.ones((len(pictures), 1))

    whole = picture()
    hidden = np.zeros((2, 49), np.bool_)
    hidden[1, 8] = True
    RegionSubject(whole, predict).probabilities(hidden)

    assert whole.regions is not None
    left = asked[1]
    assert left.regions is not None
    assert left.pooled is not None
    assert asked[0].regions is not None
    np.testing.assert_array_equal(asked[0].regions, whole.regions)
    assert not left.regions[8].any()
    np.testing.assert_allclose(left.pooled, (whole.regions.sum(axis=0) - whole.regions[8]) / 49, rtol=1e-4)


def test_the_region_that_a_prediction_rests_on_is_named() -> None:
    regions = np.zeros((49, 1280), np.float32)
    regions[10, 0] = 49.0
    shown = PictureFeatures(regions.mean(axis=0), regions)

    def predict(pictures: Sequence[PictureFeatures]) -> NDArray[np.float64]:
        seen = np.array([0.0 if one.pooled is None else one.pooled[0] for one in pictures])
        return np.column_stack([seen, 1.0 - seen])

    subject = RegionSubject(shown, predict)
    grid = as_grid(attribute(subject).contributions)

    assert subject.parts[10] == "row 2, column 4"
    assert grid[1][3] == pytest.approx(1.0)
    assert np.count_nonzero(grid) == 1


def test_a_picture_without_regions_is_refused() -> None:
    with pytest.raises(ExplainError, match="no 49 regions"):
        RegionSubject(PictureFeatures(np.zeros(1280, np.float32), None), lambda pictures: np.ones((1, 1)))


@pytest.mark.parametrize(("model", "label"), [("picture", "brook-r6"), ("fusion", "pay-407-zh")])
def test_the_shops_models_are_explained(model: str, label: str) -> None:
    opened = open_model(MODELS / model, ROOT / "nowhere", alone=True)

    found = explain(opened, "", picture(), WordFinder(), label=label)

    assert found.words is None
    assert found.regions is not None
    assert found.label == label
    assert len(found.regions.contributions) == 49
    assert any(found.regions.contributions)


def test_what_cannot_be_opened_or_asked_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExplainError, match="no such folder"):
        open_model(tmp_path / "none", tmp_path)
    with pytest.raises(ExplainError, match=r"neither model\.safetensors nor model\.onnx"):
        open_model(tmp_path, tmp_path)
    with pytest.raises(ExplainError, match="no head 'colours'"):
        open_model(MODELS / "picture", tmp_path, "colours")
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(ExplainError, match=r"manifest\.json: cannot be read"):
        open_model(tmp_path, tmp_path)
    opened = open_model(MODELS / "picture", tmp_path)
    with pytest.raises(ExplainError, match="takes no text"):
        explain(opened, "what is this", picture(), WordFinder())
    with pytest.raises(ExplainError, match="no label 'dog'"):
        explain(opened, "", picture(), WordFinder(), label="dog")
