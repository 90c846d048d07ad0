"""The intent head: learns, is the same each time, and reaches serving as it was trained."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from services.dialogue.domain.loader import load_files
from services.dialogue.domain.types import Domain
from services.dialogue.evidence import FEATURES, AnswerKind
from services.dialogue.intent_client import TritonIntentModel, manifest_entry
from services.dialogue.ports import Purpose
from tests.fakes.dialogue import embedded
from tests.fakes.domain_folder import domain_files
from tests.fakes.inference import FakeInference
from training.export.models.intent import build_head, check_parity
from training.text.intent import ANSWER_PRECISION, TrainedIntent, train


def embed(texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
    return np.stack([embedded(text) for text in texts])


@cache
def domain() -> Domain:
    return load_files(domain_files())


@cache
def trained() -> TrainedIntent:
    return train(domain(), embed)


def test_it_learns_what_the_utterances_show() -> None:
    report = trained().report
    assert report["intent_accuracy"] > 0.9
    assert report["answered"] > 0.5
    assert report["answer_precision"] >= ANSWER_PRECISION
    assert report["relevance_calibration_error"] < 0.15
    assert 0.0 <= trained().thresholds.ask_at <= trained().thresholds.answer_at <= 1.0


def test_the_head_knows_the_labels_in_the_domains_order() -> None:
    logits = embed(["my human cable question"], Purpose.QUERY) @ trained().weight + trained().bias
    assert trained().labels == domain().labels
    assert trained().labels[int(logits.argmax())] == "person"


def test_the_same_domain_gives_the_same_model() -> None:
    again = train(domain(), embed)
    np.testing.assert_array_equal(again.weight, trained().weight)
    assert again.calibrators == trained().calibrators
    assert again.thresholds == trained().thresholds
    assert again.report == trained().report


async def test_the_manifest_reaches_serving_as_it_was_trained() -> None:
    model = trained()
    entry = manifest_entry(model.labels, "letters@1", model.calibrators, model.thresholds, model.rank_weights)
    manifest = json.dumps({"version": 1, **entry})
    profile = await TritonIntentModel(FakeInference({}, {"intent_kiosk": {"manifest": manifest}})).profile(
        "kiosk"
    )
    assert (profile.model, profile.labels, profile.embedding_model) == (
        "intent_kiosk@1",
        model.labels,
        "letters@1",
    )
    assert profile.calibrators == model.calibrators
    assert profile.thresholds == model.thresholds
    assert profile.rank_weights == model.rank_weights
    for kind in AnswerKind:
        assert len(profile.calibrators[kind].weights) == len(FEATURES[kind])


def test_the_graph_computes_the_head(tmp_path: Path) -> None:
    graph = build_head(trained())
    onnx.save(graph, str(tmp_path / "model.onnx"))
    assert check_parity(tmp_path, trained())["largest_difference"] < 1e-5

    weight = next(tensor for tensor in graph.graph.initializer if tensor.name == "weight")
    weight.raw_data = (trained().weight * np.float32(0.5)).tobytes()
    onnx.save(graph, str(tmp_path / "model.onnx"))
    with pytest.raises(ValueError, match="differs"):
        check_parity(tmp_path, trained())
