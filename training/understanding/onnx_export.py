"""Writes a fine-tuned encoder with its heads as ONNX, in full precision."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from training.understanding.model import UnderstandingModel
from training.understanding.predict import Trained

INPUTS: Final = ("input_ids", "attention_mask")
MOST_DIFFERENCE: Final = 1e-3
"""Of a probability, a slot's logit or a sentence vector's number, between torch and ONNX Runtime."""
_OPSET: Final = 18
_IR_VERSION: Final = 9
_BATCH: Final = 1024
_SHAPES: Final = ((1, 2), (1, 7), (3, 12))
"""Batches and lengths on which both are compared."""


class _Served(nn.Module):
    """The model as it is served: probabilities in the place of logits."""

    def __init__(self, model: UnderstandingModel, temperature: float, multi_label: bool) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.multi_label = multi_label

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        found = self.model(input_ids, attention_mask)
        logits = found.intents / self.temperature
        intents = logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)
        return (intents, found.sentence) if found.slots is None else (intents, found.sentence, found.slots)


def export(trained: Trained, file: Path) -> dict[str, float]:
    """Write ``trained`` to ``file``; say how far ONNX Runtime is from torch.

    Inputs: ``input_ids`` and ``attention_mask`` int64[batch, length]. Outputs: ``intents``
    float32[batch, labels], softmax(logits / temperature), or a sigmoid of each where several may
    hold; ``sentence`` float32[batch, width] of length 1; with slots ``slots`` float32[batch, length,
    tags], logits.

    Raises:
        ValueError: ONNX Runtime computes something else than torch.
    """
    served, outputs = _served(trained)
    graph = _graph(served, outputs, _positions(served.model.encoder))
    onnx.save(graph, str(file))
    return check_parity(trained, file)


def merged(model: UnderstandingModel) -> UnderstandingModel:
    """Copy a model to the processor, with what PEFT added merged into its weights."""
    copied: UnderstandingModel = copy.deepcopy(model).cpu().float().eval()
    # PEFT's prefixes have nothing to merge: they stay what they are, more keys to attend to.
    if hasattr(copied.encoder, "merge_and_unload"):
        copied.encoder = copied.encoder.merge_and_unload()
    # As plain matrix products, which the optimizer of ONNX knows how to fuse.
    if hasattr(copied.encoder, "set_attn_implementation"):
        copied.encoder.set_attn_implementation("eager")
    return copied


def _graph(served: _Served, outputs: list[str], positions: int) -> onnx.ModelProto:
    ids = torch.arange(10, 34).reshape(2, 12) % _vocabulary(served.model.encoder)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    axes = {
        0: torch.export.Dim("batch", min=1, max=_BATCH),
        1: torch.export.Dim("length", min=1, max=positions),
    }
    with _quiet():
        program = torch.onnx.export(
            served,
            (ids, mask),
            dynamo=True,
            dynamic_shapes=(axes, axes),
            input_names=list(INPUTS),
            output_names=outputs,
            opset_version=_OPSET,
            verbose=False,
        )
    if program is None:
        raise ValueError("the model could not be exported")
    graph: onnx.ModelProto = program.model_proto
    graph.ir_version = _IR_VERSION
    onnx.checker.check_model(graph)
    for value in (*graph.graph.input, *graph.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            # Triton's backend tells padding by the names of dimensions.
            if dimension.dim_param not in ("batch", "length") and not dimension.dim_value:
                raise ValueError(f"the exported {value.name} has a dimension without name: {dimension}")
    return graph


def check_parity(trained: Trained, file: Path) -> dict[str, float]:
    """Compare ``file`` with torch on batches of random ids. Raises ``ValueError`` where they differ."""
    served, outputs = _served(trained)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    differences = []
    for rows, length in _SHAPES:
        ids = random.integers(1, _vocabulary(served.model.encoder), (rows, length))
        mask = np.ones_like(ids)
        mask[1:, (length + 1) // 2 :] = 0
        found = session.run(outputs, {"input_ids": ids, "attention_mask": mask})
        with torch.inference_mode():
            expected = served(torch.from_numpy(ids), torch.from_numpy(mask))
        for one, other in zip(found, expected, strict=True):
            differences.append(np.abs(one - other.numpy()).max())
    largest = float(np.max(differences))
    if not largest <= MOST_DIFFERENCE:  # NaN, too
        raise ValueError(f"{file}: ONNX Runtime's numbers differ from torch's by {largest:.1e}")
    return {"batches": len(_SHAPES), "largest_difference": round(largest, 8)}


def _served(trained: Trained) -> tuple[_Served, list[str]]:
    model = merged(trained.model)
    served = _Served(model, trained.temperature, trained.labels.multi_label).eval()
    return served, ["intents", "sentence", *([] if model.slot_head is None else ["slots"])]


def _vocabulary(encoder: Any) -> int:
    return int(encoder.config.vocab_size)


def _positions(encoder: Any) -> int:
    """Tokens of the longest text; models that count positions from the padding's number on take fewer."""
    positions = int(getattr(encoder.config, "max_position_embeddings", 512))
    return positions if encoder.config.model_type == "bert" else max(positions - 2, 2)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's talk of its own steps."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "# The axis name", UserWarning)
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
