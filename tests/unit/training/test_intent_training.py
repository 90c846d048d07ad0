"""The intent head: learns, is the same each time, and reaches serving as it was trained."""

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
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
from tests.fakes.domain_folder import domain_files, replaced
from tests.fakes.inference import FakeInference
from training.export.models.intent import build_head, check_parity
from training.text.intent import ANSWER_PRECISION, TrainedIntent, train
from training.text.out_of_fold import OutOfFold, fingerprint, read, write
from training.text.utterances import utterances_of


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


SURE = 9.0


def out_of_fold(folder: Path, domain: Domain, wrong_every: int = 10, **changed: object) -> OutOfFold:
    """Give a fine-tuned encoder that is sure of every utterance, and wrong of every tenth."""
    utterances = utterances_of(domain)
    targets = np.array([domain.labels.index(utterance.label) for utterance in utterances])
    said = np.where(np.arange(len(targets)) % wrong_every == 0, (targets + 1) % len(domain.labels), targets)
    logits = SURE * np.eye(len(domain.labels))[said]
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, utterances, domain.labels, logits)
    manifest: dict[str, object] = {
        "labels": domain.labels,
        "temperature": 3.0,
        "prefix": "",
        "window": 64,
        "pad_id": 0,
        "files": {"out_of_fold.npz": sha256((folder / "out_of_fold.npz").read_bytes()).hexdigest()},
    }
    manifest |= {"fingerprint": fingerprint(manifest)} | changed
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return read(folder)


def test_with_a_fine_tuned_encoder_all_is_fitted_on_what_it_says_out_of_fold(tmp_path: Path) -> None:
    tuned = train(domain(), embed, out_of_fold(tmp_path, domain()))
    head = trained()

    assert tuned.report["intent_accuracy"] == pytest.approx(0.9, abs=0.01)
    assert tuned.report["head_accuracy"] == head.report["intent_accuracy"]
    assert tuned.report["head_accuracy_zh"] == head.report["intent_accuracy_zh"]
    # softmax(9 / 3) over four labels is sure to 87 %, where 90 % are right.
    assert tuned.report["intent_calibration_error"] == pytest.approx(0.03, abs=0.02)
    assert tuned.calibrators != head.calibrators
    # The head is still the head.
    np.testing.assert_array_equal(tuned.weight, head.weight)
    assert "head_accuracy" not in head.report


def test_an_encoder_that_is_wrong_is_not_trusted(tmp_path: Path) -> None:
    right = train(domain(), embed, out_of_fold(tmp_path / "right", domain(), wrong_every=100))
    wrong = train(domain(), embed, out_of_fold(tmp_path / "wrong", domain(), wrong_every=2))
    assert wrong.report["answered"] < right.report["answered"]
    assert wrong.report["answer_precision"] >= ANSWER_PRECISION or wrong.report["answered"] == 0.0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            replaced("intents/greeting.yaml", "my hello cable question", "my hello cord question"),
            "2 differ",
        ),
        (
            {
                **{name: data for name, data in domain_files().items() if name != "intents/greeting.yaml"},
                "intents/welcome.yaml": domain_files()["intents/greeting.yaml"].replace(
                    b"id: greeting", b"id: welcome"
                ),
            },
            "other intents.*greeting, welcome",
        ),
    ],
)
def test_an_encoder_of_other_utterances_is_refused_with_what_to_run(
    tmp_path: Path, changed: dict[str, bytes], words: str
) -> None:
    known = out_of_fold(tmp_path / "kiosk" / "models" / "understanding", domain())
    with pytest.raises(ValueError, match=f"{words}.*frontdesk train --domain {tmp_path / 'kiosk'}"):
        train(load_files(changed), embed, known)


def test_a_model_that_is_not_whole_is_refused_with_what_to_run(tmp_path: Path) -> None:
    out_of_fold(tmp_path, domain())
    with (tmp_path / "out_of_fold.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"not the file.*frontdesk train"):
        read(tmp_path)
    (tmp_path / "out_of_fold.npz").unlink()
    with pytest.raises(ValueError, match=r"no whole model.*out_of_fold\.npz.*frontdesk train"):
        read(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ValueError, match=r"no whole model.*frontdesk train"):
        read(tmp_path)


def test_no_two_trainings_have_one_fingerprint(tmp_path: Path) -> None:
    first = out_of_fold(tmp_path / "1", domain())
    again = out_of_fold(tmp_path / "2", domain())
    other = out_of_fold(tmp_path / "3", domain(), wrong_every=7)
    assert first.fingerprint == again.fingerprint != other.fingerprint


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
