"""The exported encoder of pictures, run without Triton."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from services.vision.model import REGIONS, WIDTH
from services.vision.preprocessing import encoder_pixels


class ImageEncoder:
    """``vision_encoder`` of a model repository; ``folder`` is one of its versions.

    Pictures are prepared by the service's own function, so that training sees what serving sees.
    ``embedding_model`` names the space; ``fingerprint`` is the SHA-256 of the model, in hexadecimal digits.
    Raises ``FileNotFoundError`` when it was not exported yet.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        manifest = folder / "manifest.json"
        if not manifest.is_file():
            raise FileNotFoundError(
                f"{folder}: no vision encoder; run `python -m training.export --only vision` first"
            )
        self.embedding_model = str(json.loads(manifest.read_text(encoding="utf-8"))["embedding_model"])
        self.fingerprint = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, pictures: Sequence[Image.Image]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return ``pooled`` float32[n, 1280] and ``regions`` float32[n, 49, 1280] of upright RGB pictures."""
        pooled = np.empty((len(pictures), WIDTH), np.float32)
        regions = np.empty((len(pictures), REGIONS, WIDTH), np.float32)
        for row, picture in enumerate(pictures):
            pixels = encoder_pixels(picture)[None]
            pooled[row : row + 1], regions[row : row + 1] = self._session.run(
                ["pooled", "regions"], {"pixels": pixels}
            )
        return pooled, regions
