"""Puts the acoustic encoder, which is trained here and comes with the project, into the repository."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from services.asr.model import ACOUSTIC, ACOUSTIC_FRAME_SAMPLES, ACOUSTIC_WIDTH, SAMPLE_RATE
from training.acoustic import features
from training.acoustic.features import PRETRAINED, AcousticEncoder, reference_sound
from training.export.context import ExportContext

_MOST_DIFFERENCE: Final = 2e-2
"""Of a number of a frame, whose numbers have deviation 1, for half precision and other sums."""
_TOLD: Final = ("width", "frame_seconds", "sample_rate_hertz", "licence")
"""Entries of the trained model's manifest that the served one repeats."""


def export(context: ExportContext, trained: Path = PRETRAINED) -> None:
    """Put ``acoustic`` into the repository: the trained graph as it is, compared with what torch computed."""
    manifest = json.loads((trained / "manifest.json").read_text(encoding="utf-8"))

    def write(folder: Path) -> Mapping[str, Any]:
        shutil.copy2(trained / "model.onnx", folder / "model.onnx")
        return {"parity": check_parity(folder, manifest), **{name: manifest[name] for name in _TOLD}}

    sources = [trained / "model.onnx", trained / "manifest.json", Path(__file__), Path(features.__file__)]
    context.build(ACOUSTIC, write, sources=sources, version=manifest["version"])


def check_parity(folder: Path, manifest: Mapping[str, Any]) -> dict[str, float]:
    """Compare the graph with the frames that torch computed when it was trained.

    Raises:
        ValueError: they differ, or are no frames of this release.
    """
    expected = np.array(manifest.get("reference_frames", []), np.float32)
    found = AcousticEncoder(folder).frames(reference_sound())
    release = (ACOUSTIC_WIDTH, ACOUSTIC_FRAME_SAMPLES / SAMPLE_RATE, SAMPLE_RATE)
    told = tuple(manifest.get(name) for name in ("width", "frame_seconds", "sample_rate_hertz"))
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
    if told != release or difference > _MOST_DIFFERENCE:
        raise ValueError(
            "the trained acoustic encoder is not of this release, or its model.onnx and manifest.json are of"
            " two trainings: run `python -m training.acoustic.train --out training/acoustic/pretrained`"
        )
    return {"frames": len(found), "largest_difference": round(difference, 6)}
