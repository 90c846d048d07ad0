"""Writes a fusion model as ONNX, with weights in half precision."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from services.dialogue.fused import fusion_inputs
from services.dialogue.model import fusion_spec
from services.dialogue.ports import Fused
from services.inference.spec import VARIABLE
from training.fusion.exported import marks, reference_rows
from training.fusion.half_precision import halved
from training.fusion.model import FusionModel

MOST_DIFFERENCE: Final = 2e-2
"""Of a probability or of a joint vector's number, between what was trained and what is served."""
_LENGTHS: Final = {"text_tokens": 5, "regions": 100, "word_tokens": 7, "frames": 9}
_MASKS: Final = {
    "text_tokens": "text_mask",
    "regions": "region_mask",
    "word_tokens": "word_mask",
    "frames": "frame_mask",
}


class _Served(nn.Module):
    """The model with the tensors of ``fusion_spec``, in its order."""

    def __init__(self, model: FusionModel, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(names)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        fused = self.model(dict(zip(self.names, tensors, strict=True)))
        logits = (fused.intents, fused.products, fused.kinds, fused.pictures)
        return (*(each.softmax(dim=1) for each in logits), fused.joint)


def export(model: FusionModel, file: Path) -> float:
    """Write the model to ``file``; give how far its outputs are from the model's own at most.

    Raises ``ValueError`` when that is too far.
    """
    spec = fusion_spec("domain")
    names = [tensor.name for tensor in spec.inputs]
    served = _Served(model.eval(), names).eval()
    inputs = random_inputs(3, _LENGTHS)
    batch = torch.export.Dim("batch", min=1, max=spec.max_batch_size)
    lengths = {
        name: torch.export.Dim(f"{tensor}_length", min=1, max=1024)
        for tensor, mask in _MASKS.items()
        for name in (tensor, mask)
    }
    shapes = tuple({0: batch, 1: lengths[name]} if name in lengths else {0: batch} for name in names)
    # The fused kernel of inference has no ONNX counterpart.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            # It names each length once, and says so for every further tensor that has it.
            warnings.filterwarnings("ignore", "# The axis name", UserWarning)
            program = torch.onnx.export(
                served,
                tuple(inputs[name] for name in names),
                dynamo=True,
                dynamic_shapes=(shapes,),
                input_names=names,
                output_names=[tensor.name for tensor in spec.outputs],
                opset_version=18,
                verbose=False,
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    if program is None:
        raise ValueError("the model could not be exported")
    graph = halved(program.model_proto)
    graph.ir_version = 9
    onnx.checker.check_model(graph)
    onnx.save(graph, str(file))
    difference = check_parity(model, file)
    if difference > MOST_DIFFERENCE:
        raise ValueError(f"the exported model differs from the trained one by {difference:.1e}")
    return difference


def check_parity(model: FusionModel, file: Path) -> float:
    """Give the largest difference between the model and its export, on batches of several shapes."""
    spec = fusion_spec("domain")
    names = [tensor.name for tensor in spec.inputs]
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    served = _Served(model.eval(), names)
    largest = 0.0
    for count, lengths in ((1, dict.fromkeys(_LENGTHS, 1)), (2, _LENGTHS), (5, {**_LENGTHS, "regions": 50})):
        inputs = random_inputs(count, lengths)
        found = session.run(
            [tensor.name for tensor in spec.outputs], {name: each.numpy() for name, each in inputs.items()}
        )
        with torch.no_grad():
            expected = served(*(inputs[name] for name in names))
        for one, other in zip(found, expected, strict=True):
            largest = max(largest, float(np.abs(one - other.numpy()).max()))
    return largest


def references(model: FusionModel) -> dict[str, list[list[float]]]:
    """Give what the model itself says of ``reference_rows``."""
    inputs = {name: torch.from_numpy(array) for name, array in fusion_inputs(reference_rows()).items()}
    names = [tensor.name for tensor in fusion_spec("domain").inputs]
    with torch.no_grad():
        outputs = _Served(model.eval(), names)(*(inputs[name] for name in names))
    return marks(Fused(*(output.numpy() for output in outputs)))


def random_inputs(count: int, lengths: dict[str, int], seed: int = 0) -> dict[str, Tensor]:
    """Make a batch of random rows, the last half of each turn's masked in every other turn."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for tensor in fusion_spec("domain").inputs:
        if tensor.name in lengths:
            length = lengths[tensor.name]
            shape = (count, length, *(size for size in tensor.shape if size != VARIABLE))
            tensors[tensor.name] = torch.randn(shape, generator=generator) * 0.3
            mask = torch.ones(count, length)
            mask[1::2, (length + 1) // 2 :] = 0.0
            tensors[_MASKS[tensor.name]] = mask
    tensors["is_passage"] = torch.zeros(count, 1)
    tensors["is_passage"][1::3] = 1.0
    return tensors
