"""Trained encoder → ``model.onnx`` and ``manifest.json``."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from services.asr.model import ACOUSTIC, ACOUSTIC_FRAME_SAMPLES, ACOUSTIC_WIDTH, SAMPLE_RATE
from training.acoustic.encoder import Encoder
from training.acoustic.features import AcousticEncoder, reference_sound

VERSION: Final = 1
"""Of the vector space: a new one whenever the frames change."""
_LICENCE: Final = "Apache-2.0"
_OPSET: Final = 17
_HALVED_FROM: Final = 1_000
"""Weights of so many numbers are stored in half precision; not those of the front end, whose sums need it."""
_FRONT_END: Final = "front_end."
_MOST_DIFFERENCE: Final = 2e-2
"""Of a frame's number, which has deviation 1, for half precision and other sums."""
_LENGTHS: Final = (1, 400, 1_600, 1_601, 20_000, 160_123)


def export(encoder: Encoder, folder: Path, report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write the encoder into ``folder`` and give its manifest.

    Raises:
        ValueError: ONNX Runtime computes other frames than torch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    module = _Single(encoder).eval()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the exporter by tracing is called legacy, and needs no more packages
        torch.onnx.export(
            module,
            (torch.zeros(3 * ACOUSTIC_FRAME_SAMPLES + 1),),
            str(path),
            input_names=["samples"],
            output_names=["frames"],
            dynamic_axes={"samples": {0: "length"}, "frames": {0: "frame_count"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    graph = onnx.load(str(path))
    _name_sizes(graph)
    halve(graph)
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))
    with torch.no_grad():
        reference = module(torch.from_numpy(reference_sound())).numpy()
    manifest = {
        "model": ACOUSTIC.name,
        "version": VERSION,
        "width": ACOUSTIC_WIDTH,
        "frame_seconds": ACOUSTIC_FRAME_SAMPLES / SAMPLE_RATE,
        "sample_rate_hertz": SAMPLE_RATE,
        "licence": _LICENCE,
        "report": report,
        "parity": _parity(module, folder),
        "reference_frames": [[round(float(number), 4) for number in frame] for frame in reference],
    }
    text = json.dumps(manifest, sort_keys=True)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


class _Single(torch.nn.Module):
    """The encoder of one recording: samples ``[n]`` → frames ``[frames, 64]``."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.encoder(samples[None])[0])


def _name_sizes(model: onnx.ModelProto) -> None:
    """Let the output say that its width is fixed; tracing forgets it."""
    width = model.graph.output[0].type.tensor_type.shape.dim[1]
    width.Clear()
    width.dim_value = ACOUSTIC_WIDTH


def halve(model: onnx.ModelProto) -> None:
    """Store the encoder's large weights as float16, each cast back when the model is loaded."""
    casts = []
    for weight in model.graph.initializer:
        numbers = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or numbers.size < _HALVED_FROM or _FRONT_END in weight.name:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(numbers.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _parity(module: torch.nn.Module, folder: Path) -> dict[str, float]:
    """Compare the exported frames with torch's, on noise of several lengths."""
    exported = AcousticEncoder(folder)
    random = np.random.default_rng(0)
    largest = 0.0
    for length in _LENGTHS:
        samples = random.normal(0, 0.1, length).astype(np.float32)
        with torch.no_grad():
            expected = module(torch.from_numpy(samples)).numpy()
        largest = max(largest, float(np.abs(exported.frames(samples) - expected).max()))
    if largest > _MOST_DIFFERENCE:
        raise ValueError(f"the exported encoder's frames differ from torch's by {largest:.1e}")
    return {"lengths": len(_LENGTHS), "largest_difference": round(largest, 6)}
