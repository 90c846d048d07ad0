"""Reads the words in a picture with RapidOCR: finds lines, turns those upside down, reads them."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from omegaconf import flag_override
from rapidocr import RapidOCR

DETECTOR = "detector.onnx"
CLASSIFIER = "classifier.onnx"
RECOGNIZER = "recognizer.onnx"
_LEAST_SIDE = 32
_SAME_ROW = 0.5  # of a line's height, between the middles of lines that stand side by side


@dataclass(frozen=True)
class Lines:
    """``boxes`` float32[n, 4]: left, top, width and height in the picture's pixels; ``scores`` float32[n]."""

    texts: list[str]
    boxes: np.ndarray
    scores: np.ndarray


class Reader:
    """RapidOCR on the verified models in ``folder``.

    A picture with more than ``most_pixels``, or with more than ``most_side`` pixels on a side, is refused,
    which bounds the time and memory of a picture.
    """

    def __init__(self, folder: Path, threads: int, most_side: int, most_pixels: int) -> None:
        cv2.setNumThreads(1)
        self._most_side = most_side
        self._most_pixels = most_pixels
        self._engine = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.max_side_len": most_side,
                # The detector sees the picture as it is: small ones are not blown up.
                "Det.limit_type": "max",
                "Det.limit_side_len": most_side,
                "Det.max_candidates": 300,  # each takes time to read, and noise has any number of them
                "Rec.rec_batch_num": 1,  # as fast as 6, which are padded to the longest, in less memory
            }
        )
        for part, name in (("Det", DETECTOR), ("Cls", CLASSIFIER), ("Rec", RECOGNIZER)):
            # RapidOCR makes its sessions when first called, unless it is given them.
            with flag_override(self._engine.cfg[part], "allow_objects", True):
                self._engine.cfg[part].session = _session(folder / name, threads)

    def read(self, pixels: np.ndarray) -> Lines:
        """Read ``pixels``, uint8[height, width, 3], RGB.

        Raises:
            ValueError: the picture is empty or too large.
        """
        height, width, _ = pixels.shape
        if not (0 < height <= self._most_side and 0 < width <= self._most_side):
            raise ValueError(f"a picture of {width} x {height} pixels: each side from 1 to {self._most_side}")
        if height * width > self._most_pixels:
            raise ValueError(f"a picture of {width} x {height} pixels, more than {self._most_pixels} in all")
        # RapidOCR would blow a narrow picture up until its short side has 30 pixels.
        below, right = max(0, _LEAST_SIDE - height), max(0, _LEAST_SIDE - width)
        padded = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
        found = self._engine(padded[:, :, ::-1])  # as OpenCV has it, BGR
        if found.txts is None:
            return Lines([], np.empty((0, 4), np.float32), np.empty(0, np.float32))
        corners = np.asarray(found.boxes, np.float32)
        order = reading_order(corners)
        corners = np.minimum(corners[order], np.float32([width, height]))
        first, last = corners.min(axis=1), corners.max(axis=1)
        return Lines(
            [found.txts[index] for index in order],
            np.hstack([first, last - first]),
            np.asarray(found.scores, np.float32)[order],
        )


def reading_order(corners: np.ndarray) -> list[int]:
    """Indices of lines from top to bottom, side by side ones from left to right.

    ``corners`` float32[n, 4, 2]: x and y of upper left, upper right, lower right, lower left. Rows are told
    along the lines' own slant, since a page may be photographed at an angle.
    """
    along = corners[:, 1] - corners[:, 0]
    slant = np.median(np.arctan2(along[:, 1], along[:, 0]))
    x, y = corners.mean(axis=1).T
    across, down = x * np.cos(slant) + y * np.sin(slant), y * np.cos(slant) - x * np.sin(slant)
    heights = np.linalg.norm(corners[:, 3] - corners[:, 0], axis=1)
    rows: list[list[int]] = []
    for index in np.argsort(down, kind="stable").tolist():
        last = rows[-1][-1] if rows else index
        same_row = down[index] - down[last] < _SAME_ROW * min(heights[index], heights[last])
        if rows and same_row:
            rows[-1].append(index)
        else:
            rows.append([index])
    return [index for row in rows for index in sorted(row, key=lambda index: across[index])]


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads cost ten times on a machine that has other work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena keeps what the largest picture ever needed, for a tenth of the time.
    options.enable_cpu_mem_arena = False
    # One block for a whole run, laid out for each shape, finds no room in what earlier shapes left.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
