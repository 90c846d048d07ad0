"""Triton's side of the reader: one picture at a time, pixels in, lines out."""

import ctypes
import json
import os
from pathlib import Path

# Read when the library is loaded: threads that spin between requests cost ten times on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils

from .reader import Reader

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


class TritonPythonModel:
    def initialize(self, args):
        _keep_freed_memory()
        parameters = json.loads(args["model_config"])["parameters"]
        settings = {name: value["string_value"] for name, value in parameters.items()}
        most_pixels = int(settings["most_pixels"])
        self._reader = Reader(
            Path(__file__).parent, int(settings["cpu_threads"]), int(settings["most_side"]), most_pixels
        )
        for _ in range(2):  # the first calls allocate
            self._reader.read(_page(int(most_pixels**0.5)))

    def execute(self, requests):
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        if request.is_cancelled():
            # Nobody waits for it any more, and others wait behind it.
            return _failure("cancelled", pb_utils.TritonError.CANCELLED)
        pixels = pb_utils.get_input_tensor_by_name(request, "pixels").as_numpy()
        try:
            lines = self._reader.read(pixels)
        except ValueError as error:
            return _failure(str(error), pb_utils.TritonError.INVALID_ARG)
        outputs = {
            "lines": np.array([text.encode() for text in lines.texts], np.object_),
            "boxes": lines.boxes,
            "scores": lines.scores,
        }
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in outputs.items()])


def _keep_freed_memory():
    """Have the C library keep what a picture needed for the next one.

    By default it gives large blocks back and takes them again with each layer: measured, 15 % more time, a
    higher peak, and a process that may grow by 150 MB whenever a picture comes.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # glibc
        library.mallopt(_M_ARENA_MAX, 1)  # one heap for all threads
        library.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        library.mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def _page(side):
    """White with lines of different lengths, so that every model runs."""
    page = np.full((side, side, 3), 255, np.uint8)
    for row, words in enumerate(("Frontdesk", "Frontdesk reads", "Frontdesk reads lines of words")):
        cv2.putText(page, words, (20, 100 + 100 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0, 0, 0), 3)
    return page


def _failure(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
