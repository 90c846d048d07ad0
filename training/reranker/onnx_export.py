"""Writes a reranker as ONNX, in full precision."""

import copy
import logging
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch

from training.reranker.predict import Trained

INPUTS: Final = ("input_ids", "attention_mask")
MOST_DIFFERENCE: Final = 1e-3
"""Of a score, between torch and ONNX Runtime, as a share of the scores' size."""
_OPSET: Final = 18
_IR_VERSION: Final = 9
_SHAPES: Final = ((1, 5), (3, 12), (2, 30))


def export(trained: Trained, file: Path) -> dict[str, float]:
    """Write ``trained`` to ``file``; say how far ONNX Runtime is from torch.

    Inputs: ``INPUTS`` int64[batch, length]. Output: ``score`` float32[batch].

    Raises:
        ValueError: ONNX Runtime computes something else than torch.
    """
    model = copy.deepcopy(trained.model).eval()
    if hasattr(model.encoder, "set_attn_implementation"):
        # As plain matrix products, which the optimizer of ONNX knows how to fuse.
        model.encoder.set_attn_implementation("eager")
    vocabulary = int(model.encoder.config.vocab_size)
    axes = {
        0: torch.export.Dim("batch", min=1, max=1024),
        1: torch.export.Dim("length", min=2, max=int(model.encoder.config.max_position_embeddings)),
    }
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)  # the exporter's talk of its own steps
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                tuple(_inputs(2, 12, vocabulary, model.separator).values()),
                dynamo=True,
                dynamic_shapes=(axes, axes),
                input_names=list(INPUTS),
                output_names=["score"],
                opset_version=_OPSET,
                verbose=False,
            )
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    if program is None:
        raise ValueError("the reranker could not be exported")
    graph = program.model_proto
    graph.ir_version = _IR_VERSION
    onnx.checker.check_model(graph)
    onnx.save(graph, str(file))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    largest = 0.0
    for rows, length in _SHAPES:
        inputs = _inputs(rows, length, vocabulary, model.separator)
        (found,) = session.run(["score"], {name: tensor.numpy() for name, tensor in inputs.items()})
        with torch.inference_mode():
            expected = model(**inputs).numpy()
        largest = max(largest, float((np.abs(found - expected) / np.maximum(np.abs(expected), 1)).max()))
    if not largest <= MOST_DIFFERENCE:  # NaN, too
        raise ValueError(f"{file}: ONNX Runtime's scores differ from torch's by {largest:.1e}")
    return {"batches": len(_SHAPES), "largest_difference": round(largest, 8)}


def _inputs(rows: int, length: int, vocabulary: int, separator: int) -> dict[str, torch.Tensor]:
    """Make pairs by chance; the last half of every second one is padding."""
    generator = torch.Generator().manual_seed(length)
    ids = torch.randint(1, vocabulary, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[1::2, (length + 1) // 2 :] = 0
    ids[:, length // 3] = separator
    return {"input_ids": ids, "attention_mask": mask}
