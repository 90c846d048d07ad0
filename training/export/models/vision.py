"""Exports the encoder of pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from services.vision.model import EMBEDDING_MODEL, LABELS, PIXELS, VISION_ENCODER
from training.export.context import ExportContext
from training.export.models import efficientnet_graph, efficientnet_weights

_WEIGHTS: Final = "vision_encoder"
_REFERENCE: Final = Path(__file__).with_name("vision_encoder_reference.json")
"""What timm's network makes of ``reference_pixels()``; a test in ``tests/unit/training`` asks timm again."""
_LABELS: Final = Path(__file__).with_name("imagenet_labels.txt")
"""ImageNet's 1000 labels in the order of the logits, as torchvision names them (BSD-3-Clause)."""
_MOST_DIFFERENCE: Final = 1e-3


def export(context: ExportContext) -> None:
    """Put ``vision_encoder`` into the repository: ``model.onnx``, ImageNet's labels in the manifest."""

    def write(folder: Path) -> Mapping[str, Any]:
        checkpoint = context.weights.fetch(_WEIGHTS) / "efficientnet-lite0.pth"
        weights = efficientnet_weights.read_efficientnet(checkpoint)
        onnx.save(efficientnet_graph.build_encoder(weights), str(folder / "model.onnx"))
        source = context.weights.models[_WEIGHTS]
        return {
            "embedding_model": EMBEDDING_MODEL,
            "labels": imagenet_labels(),
            "source": source.source,
            "licence": source.licence,
            "parity": check_parity(folder),
        }

    here = Path(__file__).parent
    sources = [here / name for name in ("efficientnet_graph.py", "efficientnet_weights.py")]
    context.build(
        VISION_ENCODER, write, weights=[_WEIGHTS], sources=[Path(__file__), _REFERENCE, _LABELS, *sources]
    )


def imagenet_labels() -> list[str]:
    """Return the names of the 1000 classes in the order of the logits."""
    labels = _LABELS.read_text(encoding="utf-8").splitlines()
    if len(labels) != LABELS:
        raise ValueError(f"{_LABELS}: {len(labels)} labels, not {LABELS}")
    return labels


def reference_pixels() -> NDArray[np.uint8]:
    """Return a picture of waves and a bright square, uint8[1, 224, 224, 3], by formula."""
    rows, columns = np.mgrid[0:PIXELS, 0:PIXELS]
    waves = [np.sin(rows / 9 + channel) * np.cos(columns / (7 + 3 * channel)) for channel in range(3)]
    pixels: NDArray[np.uint8] = np.rint(127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)
    pixels[60:130, 150:215] = (250, 240, 20)
    return pixels[None]


def sampled(outputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return some of the numbers of a batch of one: of every output, and of regions in all corners."""
    return {
        "pooled": outputs["pooled"][0, ::20],
        "regions": outputs["regions"][0, [0, 6, 24, 42, 48], ::80],
        "logits": outputs["logits"][0, ::20],
    }


def check_parity(folder: Path) -> dict[str, float]:
    """Compare the export with what timm's network computes. Raises ``ValueError`` when they differ."""
    expected = json.loads(_REFERENCE.read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, {"pixels": reference_pixels()}), strict=True))
    found = sampled(outputs)
    difference = max(float(np.abs(found[name] - np.array(expected[name])).max()) for name in found)
    if difference > _MOST_DIFFERENCE:
        raise ValueError(f"the exported encoder differs from its source by {difference:.1e}")
    return {
        "numbers": sum(array.size for array in found.values()),
        "largest_difference": round(difference, 7),
    }
