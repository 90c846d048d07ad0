"""An exported fusion model, run without Triton and without torch."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.dialogue.fused import (
    FusionRow,
    PictureFeatures,
    TextFeatures,
    fusion_inputs,
    fusion_row,
    passage_row,
)
from services.dialogue.model import EMBEDDING_WIDTH, FRAME_WIDTH, REGION_WIDTH, fusion_spec
from services.dialogue.ports import Fused

_OUTPUTS = tuple(tensor.name for tensor in fusion_spec("domain").outputs)
_BATCH = 32

PICTURE_ROWS: Final = 50
"""Rows of one picture: 7 x 7 regions row by row, then the pooled vector."""


class ExportedFusion:
    """``model.onnx`` of ``folder``. Raises ``FileNotFoundError`` when there is none."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        file = folder / "model.onnx"
        if not file.is_file():
            raise FileNotFoundError(
                f"{file}: no fusion model; run `python -m training.fusion --domain DIR` first"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def fuse(self, rows: Sequence[FusionRow]) -> Fused:
        """Fuse any number of turns, at least one."""
        batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
        found = [self._session.run(list(_OUTPUTS), dict(fusion_inputs(batch))) for batch in batches]
        return Fused(*(np.vstack(parts) for parts in zip(*found, strict=True)))

    def passages(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the joint vectors ``[n, 128]`` of passages' stored vectors ``[n, 384]``."""
        return self.fuse([passage_row(vector) for vector in vectors]).joint


def reference_rows() -> list[FusionRow]:
    """Make two turns by formula, one of everything, one of words: what is said of them marks a model."""

    def rows(count: int, width: int, phase: float) -> NDArray[np.float32]:
        waves: NDArray[np.float32] = np.sin(
            phase + np.arange(count)[:, None] * 0.7 + np.arange(width)[None] * 0.13
        ).astype(np.float32)
        return waves

    words = TextFeatures(rows(1, EMBEDDING_WIDTH, 1.0)[0] * 0.05, rows(6, EMBEDDING_WIDTH, 2.0))
    text = TextFeatures(rows(1, EMBEDDING_WIDTH, 3.0)[0] * 0.05, rows(9, EMBEDDING_WIDTH, 4.0))
    regions = np.abs(rows(PICTURE_ROWS - 1, REGION_WIDTH, 5.0))
    picture = PictureFeatures(regions.mean(axis=0), regions, words)
    return [fusion_row(text, [picture], rows(12, FRAME_WIDTH, 6.0)), fusion_row(text, [], None)]


def marks(fused: Fused) -> dict[str, list[list[float]]]:
    """Give some of the numbers of what a model says of ``reference_rows``, for its manifest."""
    found = {field.name: getattr(fused, field.name) for field in fields(Fused)}
    return {name: np.round(numbers[:, :8], 5).tolist() for name, numbers in found.items()}
