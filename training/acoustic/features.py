"""The exported acoustic encoder, without torch. What it knows stands in ``pretrained/README.md``."""

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.asr.model import SAMPLE_RATE

PRETRAINED: Final = Path(__file__).parent / "pretrained"
"""Folder of the encoder that is part of the project."""


class AcousticEncoder:
    """Gives a recording's acoustic frames. Stateless between calls."""

    def __init__(self, folder: Path = PRETRAINED) -> None:
        """Load ``model.onnx`` of ``folder``."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = str(folder / "model.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def frames(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give ``[n, 64]``, one frame each 0.1 s begun, of mono 16 kHz samples (-1 to 1; at least one)."""
        frames: NDArray[np.float32]
        (frames,) = self._session.run(["frames"], {"samples": np.ascontiguousarray(samples, np.float32)})
        return frames


def reference_sound() -> NDArray[np.float32]:
    """Give a second of a sweep from 100 Hz to 7.5 kHz that swells: a manifest holds the frames of it."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return np.asarray(0.3 * time * np.sin(2 * np.pi * (100 * time + 3_700 * time**2)), np.float32)
