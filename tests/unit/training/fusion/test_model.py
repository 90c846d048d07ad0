"""The network: masks, order and what stands alone; and that its export says the same."""

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="training is not installed: pip install -e '.[training]'")
pytest.importorskip("onnxscript", reason="training is not installed: pip install -e '.[training]'")

import torch

from training.fusion import onnx_export
from training.fusion.arguments import FusionArguments
from training.fusion.model import Fused, FusionModel, LabelCounts
from training.fusion.onnx_export import random_inputs
from training.fusion.start import Start
from training.vision.heads import Head

ARGUMENTS = FusionArguments(width=32, heads=2, feedforward=32)
LENGTHS = {"text_tokens": 6, "regions": 100, "word_tokens": 5, "frames": 8}
MODALITIES = (
    ("text_tokens", "text_mask"),
    ("regions", "region_mask"),
    ("word_tokens", "word_mask"),
    ("frames", "frame_mask"),
)
OUTPUTS = ("intents", "products", "kinds", "pictures", "joint")


def model() -> FusionModel:
    torch.manual_seed(0)
    made = FusionModel(LabelCounts(5, 4, 3, 6), ARGUMENTS)
    # Heads start blind to the modalities' own vectors; a trained one is not.
    with torch.no_grad():
        for head in (made.intents, made.products, made.kinds, made.pictures, made.joint):
            for weight in (head.own.weight, head.gathered.weight):
                weight.copy_(torch.randn_like(weight) * 0.05)
        made.gates.weight.copy_(torch.randn_like(made.gates.weight))
    made.eval()
    return made


def run(made: FusionModel, inputs: dict[str, torch.Tensor]) -> Fused:
    with torch.no_grad():
        fused: Fused = made(inputs)
    return fused


def difference(one: Fused, other: Fused) -> float:
    return max(float((getattr(one, name) - getattr(other, name)).abs().max()) for name in OUTPUTS)


@pytest.mark.parametrize(("tensor", "mask"), MODALITIES)
def test_padding_changes_nothing(tensor: str, mask: str) -> None:
    inputs = random_inputs(3, LENGTHS)
    made = model()
    before = run(made, inputs)
    longer = dict(inputs)
    noise = torch.randn(3, 7, inputs[tensor].shape[2])
    longer[tensor] = torch.cat([inputs[tensor], noise], dim=1)
    longer[mask] = torch.cat([inputs[mask], torch.zeros(3, 7)], dim=1)
    assert difference(before, run(made, longer)) < 1e-5


@pytest.mark.parametrize(("tensor", "mask"), MODALITIES)
def test_masked_rows_may_hold_anything_in_any_order(tensor: str, mask: str) -> None:
    inputs = random_inputs(2, LENGTHS)
    made = model()
    before = run(made, inputs)
    hidden = (inputs[mask][1] == 0).nonzero()[:, 0]
    assert len(hidden) > 1
    changed = dict(inputs)
    changed[tensor] = inputs[tensor].clone()
    changed[tensor][1, hidden] = inputs[tensor][1, hidden.flip(0)] + 10.0
    assert difference(before, run(made, changed)) < 1e-5


@pytest.mark.parametrize(("tensor", "mask"), MODALITIES)
def test_every_modality_is_heard_and_can_be_missing(tensor: str, mask: str) -> None:
    inputs = random_inputs(2, LENGTHS)
    made = model()
    before = run(made, inputs)
    without = {**inputs, mask: torch.zeros_like(inputs[mask])}
    after = run(made, without)
    assert difference(before, after) > 1e-4
    assert all(torch.isfinite(getattr(after, name)).all() for name in OUTPUTS)


def test_a_turn_without_anything_is_still_a_turn() -> None:
    inputs = random_inputs(1, dict.fromkeys(LENGTHS, 1))
    nothing = {name: torch.zeros_like(each) for name, each in inputs.items()}
    fused = run(model(), nothing)
    assert all(torch.isfinite(getattr(fused, name)).all() for name in OUTPUTS)


def test_turns_of_a_batch_do_not_see_each_other() -> None:
    inputs = random_inputs(4, LENGTHS)
    order = torch.tensor([2, 0, 3, 1])
    made = model()
    before, after = run(made, inputs), run(made, {name: each[order] for name, each in inputs.items()})
    for name in OUTPUTS:
        assert torch.allclose(getattr(before, name)[order], getattr(after, name), atol=1e-5)


def test_joint_vectors_have_length_1() -> None:
    joint = run(model(), random_inputs(4, LENGTHS)).joint
    assert torch.allclose(joint.norm(dim=1), torch.ones(4), atol=1e-5)


def test_the_start_says_what_the_heads_on_words_and_on_pictures_say() -> None:
    rng = np.random.default_rng(0)
    sentences = torch.from_numpy(rng.standard_normal((20, 384)).astype(np.float32))
    weight = rng.standard_normal((384, 5)).astype(np.float32)
    pooled = torch.from_numpy(rng.standard_normal((20, 1280)).astype(np.float32))
    of_pictures = rng.standard_normal((1280, 6)).astype(np.float32)
    made = FusionModel(LabelCounts(5, 4, 3, 6), ARGUMENTS).eval()
    made.of_text.measure(sentences)
    made.of_picture.measure(pooled)
    made.start_from(
        Start(
            Head(weight, np.zeros(5, np.float32)),
            np.eye(128, 384, dtype=np.float32),
            pictures=Head(of_pictures, np.ones(6, np.float32)),
        )
    )
    with torch.no_grad():
        made.intents.gathered.weight.zero_()
        made.pictures.gathered.weight.zero_()
    inputs = random_inputs(20, {**dict.fromkeys(LENGTHS, 1), "regions": 50})
    inputs |= {"text_tokens": sentences[:, None], "text_mask": torch.ones(20, 1)}
    inputs["regions"][:, 49] = pooled
    inputs["region_mask"][:] = 1.0
    found = run(made, inputs)
    assert torch.allclose(found.intents, sentences @ torch.from_numpy(weight), atol=1e-2)
    assert torch.allclose(found.pictures, pooled @ torch.from_numpy(of_pictures) + 1.0, atol=1e-2)


def test_hidden_frames_are_told_from_the_others_alone() -> None:
    inputs = random_inputs(1, LENGTHS)
    hidden = torch.zeros(1, LENGTHS["frames"], dtype=torch.bool)
    hidden[0, 3] = True
    made = model()
    changed = {**inputs, "frames": inputs["frames"].clone()}
    changed["frames"][0, 3] *= -1.0
    with torch.no_grad():
        assert torch.allclose(made(inputs, hidden).frames, made(changed, hidden).frames, atol=1e-5)
        assert not torch.allclose(made(inputs).frames, made(changed).frames, atol=1e-2)


def test_the_export_says_the_same_for_every_shape(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    made = model()
    assert onnx_export.export(made, file) < 5e-3
    graph = onnx.load(file).graph
    large = [each for each in graph.initializer if np.prod(each.dims) >= 64]
    assert large
    assert {each.data_type for each in large} <= {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64}
    with torch.no_grad():
        made.joint.own.weight.mul_(-1.0)
        made.joint.gathered.weight.mul_(-1.0)
    assert onnx_export.check_parity(made, file) > 0.1, "the check must find another model out"
