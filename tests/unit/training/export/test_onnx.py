"""Trained encoders as ONNX, fused and in 8 bits, say what torch says."""

import copy
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training is not installed: pip install -e '.[training]'")

from tests.unit.training.understanding.small import small_encoder  # noqa: E402 (needs torch)
from training.data.examples import DataError, Example, ExampleSet  # noqa: E402
from training.export.quantize import fuse, quantize  # noqa: E402
from training.understanding import onnx_export  # noqa: E402
from training.understanding.arguments import UnderstandingArguments  # noqa: E402
from training.understanding.batches import Labels  # noqa: E402
from training.understanding.export import export_set  # noqa: E402
from training.understanding.methods import parameter_efficient  # noqa: E402
from training.understanding.model import UnderstandingModel  # noqa: E402
from training.understanding.predict import Trained  # noqa: E402

TEXTS = ["where is my card", "how do i change it", "why was i charged a fee", "lost"]


def trained(slots: tuple[str, ...] = (), multi_label: bool = False) -> Trained:
    encoder = small_encoder()
    labels = Labels(("change", "charge", "lost"), None, multi_label, slots)
    torch.manual_seed(1)
    model = UnderstandingModel(encoder.model, len(labels.intents), len(labels.tags))
    with torch.no_grad():
        model.intent_head.weight.mul_(4.0)
    return Trained(
        model=model.eval(),
        tokenizer=encoder.tokenizer,
        labels=labels,
        arguments=UnderstandingArguments(max_tokens=16),
        prefix="",
        encoder="small",
        licence="none",
        temperature=1.5,
    )


def ask(graph: Path, model: Trained, texts: list[str] = TEXTS) -> dict[str, NDArray[np.float32]]:
    ids, mask = model.batches.pad(model.batches.encode(texts)[0])
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    return dict(zip(names, found, strict=True))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    model = trained(slots=("thing",))
    file = tmp_path_factory.mktemp("exported") / "model.onnx"
    parity = onnx_export.export(model, file)
    assert parity["largest_difference"] < 1e-4
    return model, file


def test_onnx_says_what_torch_says_whatever_the_batch(exported: tuple[Trained, Path]) -> None:
    model, file = exported
    predicted = model.predict(TEXTS)
    together = ask(file, model)

    np.testing.assert_allclose(together["intents"], predicted.probabilities, atol=1e-5)
    np.testing.assert_allclose(together["sentence"], predicted.sentences, atol=1e-5)
    for row, text in enumerate(TEXTS):
        alone = ask(file, model, [text])
        np.testing.assert_allclose(alone["intents"][0], together["intents"][row], atol=1e-5)
        length = alone["slots"].shape[1]
        assert alone["slots"].shape == (1, length, len(model.labels.tags))
        np.testing.assert_allclose(alone["slots"][0], together["slots"][row, :length], atol=1e-4)


def test_all_dimensions_have_names_or_sizes(exported: tuple[Trained, Path]) -> None:
    model, file = exported
    graph = onnx.load(str(file)).graph
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {
        "input_ids": ["batch", "length"],
        "attention_mask": ["batch", "length"],
        "intents": ["batch", 3],
        "sentence": ["batch", 32],
        "slots": ["batch", "length", len(model.labels.tags)],
    }


def test_several_labels_are_each_a_sigmoid(tmp_path: Path) -> None:
    model = trained(multi_label=True)
    onnx_export.export(model, tmp_path / "model.onnx")
    found = ask(tmp_path / "model.onnx", model)

    assert set(found) == {"intents", "sentence"}
    np.testing.assert_allclose(found["intents"], model.predict(TEXTS).probabilities, atol=1e-5)


def test_what_peft_added_is_merged_into_a_copy(exported: tuple[Trained, Path]) -> None:
    model, _ = exported
    adapted = copy.deepcopy(model.model)
    adapted.encoder = parameter_efficient.attach(adapted.encoder, "lora", 2, alpha=4.0)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora" in name:
                parameter.add_(0.3)
    adapted.eval()
    ids, mask = model.batches.pad(model.batches.encode(TEXTS)[0])

    merged = onnx_export.merged(adapted)

    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert any("lora" in name for name, _ in adapted.named_parameters())
    with torch.inference_mode():
        one, other = merged(ids, mask), adapted(ids, mask)
    torch.testing.assert_close(one.intents, other.intents, atol=1e-5, rtol=0)
    assert (other.intents - model.model(ids, mask).intents).abs().max() > 1e-3


@pytest.mark.parametrize("temperature", [3.0, float("nan")])
def test_a_model_that_onnx_computes_otherwise_is_refused(
    exported: tuple[Trained, Path], temperature: float
) -> None:
    model, file = exported
    assert onnx_export.check_parity(model, file)["largest_difference"] < 1e-4
    with pytest.raises(ValueError, match="ONNX Runtime's numbers differ from torch's by"):
        onnx_export.check_parity(replace(model, temperature=temperature), file)


def test_attention_and_gelu_are_fused_and_say_the_same(
    exported: tuple[Trained, Path], tmp_path: Path
) -> None:
    model, file = exported
    fused = fuse(onnx.load(str(file)))
    onnx.save(fused, str(tmp_path / "fused.onnx"))
    kinds = Counter(node.op_type for node in fused.graph.node)

    assert kinds["Attention"] == 2
    assert kinds["BiasGelu"] == 2
    assert kinds["SkipLayerNormalization"] == 0
    expected, found = ask(file, model), ask(tmp_path / "fused.onnx", model)
    np.testing.assert_allclose(found["intents"], expected["intents"], atol=1e-4)
    np.testing.assert_allclose(found["sentence"], expected["sentence"], atol=1e-4)


def test_a_graph_whose_attention_needs_more_than_the_mask_is_left_as_it_is(
    exported: tuple[Trained, Path],
) -> None:
    """As with positions relative to each other: what is fused would say something else."""
    graph = onnx.load(str(exported[1]))
    mask = next(
        constant
        for constant in graph.graph.initializer
        if constant.data_type == onnx.TensorProto.FLOAT
        and onnx.numpy_helper.to_array(constant).size == 1
        and onnx.numpy_helper.to_array(constant).item() < -1e30
    )
    mask.CopyFrom(
        onnx.numpy_helper.from_array(np.full_like(onnx.numpy_helper.to_array(mask), 3.0), mask.name)
    )

    assert fuse(graph) is graph


def test_8_bits_are_smaller_and_say_nearly_the_same(exported: tuple[Trained, Path], tmp_path: Path) -> None:
    model, file = exported
    quantize(file, tmp_path / "model.onnx")
    kinds = Counter(node.op_type for node in onnx.load(str(tmp_path / "model.onnx")).graph.node)
    expected, found = ask(file, model), ask(tmp_path / "model.onnx", model)

    assert kinds["QAttention"] == 2
    assert kinds["MatMulInteger"] >= 6
    assert kinds["MatMul"] == 0
    table = next(
        c for c in onnx.load(str(tmp_path / "model.onnx")).graph.initializer if list(c.dims) == [60, 32]
    )
    assert table.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)  # the embeddings
    np.testing.assert_allclose(found["intents"], expected["intents"], atol=0.1)
    assert (found["sentence"] * expected["sentence"]).sum(axis=1).min() > 0.98


def test_a_trained_folder_becomes_forms_with_parity_choice_and_card(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "trained")
    best = model.predict(TEXTS).probabilities.argmax(axis=1)
    examples = tuple(
        Example(text, intents=(model.labels.intents[place],), source="a.csv:1")
        for text, place in zip(TEXTS, best.tolist(), strict=True)
    )
    few = ExampleSet("few", examples, examples, (), model.labels.intents)

    found = export_set(tmp_path / "trained", few, tmp_path / "out", threads=(1,), command="export few")

    assert found["parity"]["float32"]["agreement"] == 1.0
    assert found["forms"]["float32"]["accuracy"] == 1.0
    assert found["chosen"] in ("float32", "int8")
    assert json.loads((tmp_path / "out/report.json").read_text())["chosen"] == found["chosen"]
    card = (tmp_path / "out/README.md").read_text()
    assert "`export few`" in card
    assert "| **" + found["chosen"] in card
    with pytest.raises(DataError, match="few: the validation split is empty"):
        export_set(tmp_path / "trained", replace(few, validation=()), tmp_path / "out")
