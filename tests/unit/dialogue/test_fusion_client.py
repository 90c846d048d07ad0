"""A domain's fusion model: its manifest, its outputs, and whether it fits what is published."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.dialogue.domain.loader import load_files
from services.dialogue.fused import FusionRow, passage_row
from services.dialogue.fusion_client import TritonFusionModel
from services.inference.port import Tensors
from services.inference.spec import ModelSpec
from services.serving.errors import FailedPrecondition, Unavailable
from tests.fakes.dialogue import DialogueParts, embedded
from tests.fakes.fusion import fusion_manifest, fusion_model, pictured_files
from tests.fakes.inference import FakeInference

DOMAIN = load_files(pictured_files())


def served(manifest: Mapping[str, Any] | None = None) -> FakeInference:
    told = {"manifest": json.dumps(manifest or fusion_manifest(DOMAIN))}
    return FakeInference({"fusion_kiosk": fusion_model(DOMAIN, embedded)}, {"fusion_kiosk": told})


async def test_the_manifest_describes_the_model() -> None:
    profile = await TritonFusionModel(served()).profile("kiosk")
    assert profile.model == "fusion_kiosk@1"
    assert profile.labels.intents == DOMAIN.labels
    assert profile.labels.pictures == ("lamp-red", "slip-late", "slip-paid", "other")
    assert profile.ranking.cosine == 1.0
    assert profile.ranking_without_text.cosine == 0.0
    assert profile.thresholds.seen_at == 0.8


async def test_a_manifest_is_believed_for_a_while_and_told_apart_from_another() -> None:
    now, inference = [0.0], served()
    model = TritonFusionModel(inference, lambda: now[0])
    first = await model.profile("kiosk")
    inference._parameters = {
        "fusion_kiosk": {"manifest": json.dumps({**fusion_manifest(DOMAIN), "trained_on": "kiosk@2"})}
    }
    assert await model.profile("kiosk") is first
    assert (await model.profile("kiosk", fresh=True)).fingerprint != first.fingerprint
    inference._parameters = {"fusion_kiosk": {"manifest": json.dumps(fusion_manifest(DOMAIN))}}
    now[0] = 11.0
    assert (await model.profile("kiosk")).fingerprint == first.fingerprint


@pytest.mark.parametrize(
    "manifest",
    [
        {"version": 1},
        {**fusion_manifest(DOMAIN), "thresholds": {"answer_at": 0.5}},
        {**fusion_manifest(DOMAIN), "labels": ["a"]},
        {**fusion_manifest(DOMAIN), "embedding_models": {"text": "t"}},
    ],
)
async def test_a_manifest_of_another_release_is_refused(manifest: Mapping[str, Any]) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        await TritonFusionModel(served(manifest)).profile("kiosk")
    assert caught.value.reason == "FUSION_MODEL_INCOMPATIBLE"


async def test_passages_are_embedded_in_batches() -> None:
    inference = served()
    model = TritonFusionModel(inference)
    vectors = np.stack([embedded(f"passage {number}") for number in range(130)])
    joint = await model.embed_passages("kiosk", vectors, timeout_seconds=1.0)

    assert joint.shape == (130, 128)
    assert [len(inputs["is_passage"]) for _, inputs in inference.calls] == [64, 64, 2]
    alone = await model.fuse("kiosk", [passage_row(vectors[129])], timeout_seconds=1.0)
    assert joint[129] == pytest.approx(alone.joint[0])
    assert np.linalg.norm(joint, axis=1) == pytest.approx(1.0)


async def test_a_model_that_was_replaced_meanwhile_is_noticed() -> None:
    inference = served()
    model = TritonFusionModel(inference)
    await model.profile("kiosk")
    compute: Callable[[Tensors], Tensors] = fusion_model(DOMAIN, embedded)

    def replaced(inputs: Tensors) -> Tensors:
        return {**compute(inputs), "pictures": np.ones((len(inputs["is_passage"]), 9), np.float32)}

    inference._models = {"fusion_kiosk": replaced}
    with pytest.raises(Unavailable) as caught:
        await model.fuse("kiosk", [FusionRow()], timeout_seconds=1.0)
    assert caught.value.reason == "FUSION_MODEL_CHANGED"


def _without(label: str, of: str) -> dict[str, Any]:
    manifest = fusion_manifest(DOMAIN)
    manifest["labels"][of].remove(label)
    return manifest


@pytest.mark.parametrize(
    ("manifest", "reason", "named"),
    [
        (_without("greeting", "intents"), "FUSION_LABELS_MISMATCH", "intents.*missing greeting"),
        (_without("lamp", "products"), "FUSION_LABELS_MISMATCH", "products.*missing lamp"),
        (_without("slip", "kinds"), "FUSION_LABELS_MISMATCH", "kinds.*missing slip"),
        (_without("lamp-red", "pictures"), "FUSION_LABELS_MISMATCH", "pictures.*missing lamp-red"),
        (fusion_manifest(DOMAIN, "letters@0"), "EMBEDDING_MODEL_MISMATCH", "fusion_kiosk@1.*letters@0"),
    ],
)
async def test_a_domain_that_its_fusion_model_does_not_know_is_not_published(
    tmp_path: Path, manifest: Mapping[str, Any], reason: str, named: str
) -> None:
    parts = DialogueParts(tmp_path, files=pictured_files())
    parameters = dict(parts.inference._parameters)
    parts.inference._parameters = {**parameters, "fusion_kiosk": {"manifest": json.dumps(manifest)}}
    with pytest.raises(FailedPrecondition, match=named) as caught:
        await parts.publish()
    assert caught.value.reason == reason

    parts.inference._parameters = parameters
    assert await parts.publish() == parts.domain.version
    assert parts.views.pictured_domain_names() == ["kiosk"]
    assert await parts.fusion.ready(parts.views.pictured_domain_names())
    parts.store.close()


async def test_a_domain_with_pictures_needs_a_fusion_model(tmp_path: Path) -> None:
    parts = DialogueParts(tmp_path, files=pictured_files())
    known = parts.inference.parameters

    async def parameters(spec: ModelSpec) -> Mapping[str, str]:
        if spec.name == "fusion_kiosk":
            raise Unavailable("INFERENCE_UNAVAILABLE", "not served")
        return await known(spec)

    parts.inference.parameters = parameters  # type: ignore[method-assign]
    with pytest.raises(FailedPrecondition) as caught:
        await parts.publish()
    assert caught.value.reason == "FUSION_MODEL_MISSING"
    assert parts.views.current("demo") == {}
    parts.store.close()


async def test_a_domain_without_pictures_needs_no_fusion_model(tmp_path: Path) -> None:
    parts = DialogueParts(tmp_path)
    await parts.publish()
    assert parts.views.pictured_domain_names() == []
    assert not await parts.fusion.ready(["kiosk"])
    parts.store.close()
