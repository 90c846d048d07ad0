"""Triton's side of a Whisper model on CTranslate2: one request at a time, samples in, words out."""

import json
import os
from pathlib import Path

# Read when the library is loaded: threads that spin between requests cost ten times on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import triton_python_backend_utils as pb_utils

from .transcriber import Transcriber, read_settings


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        values = {name: value["string_value"] for name, value in parameters.items()}
        values["device"] = "cuda" if args["model_instance_kind"] == "GPU" else "cpu"
        settings = read_settings(values)
        self._transcriber = Transcriber(Path(__file__).parent, settings)
        self._transcriber.transcribe(np.zeros(16_000, np.float32))  # the first call allocates

    def execute(self, requests):
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        if request.is_cancelled():
            # Nobody waits for it any more, and others wait behind it.
            return _failure("cancelled", pb_utils.TritonError.CANCELLED)
        samples = pb_utils.get_input_tensor_by_name(request, "samples").as_numpy()
        language = pb_utils.get_input_tensor_by_name(request, "language").as_numpy()[0].decode()
        try:
            heard = self._transcriber.transcribe(samples, language)
        except ValueError as error:
            return _failure(str(error), pb_utils.TritonError.INVALID_ARG)
        words = heard.words
        times = np.array([(word.start, word.end) for word in words], np.float32)
        outputs = {
            "text": _bytes([heard.text]),
            "heard_language": _bytes([heard.language]),
            "language_probability": _floats([heard.language_probability]),
            "words": _bytes([word.text for word in words]),
            "word_times": times.reshape(-1, 2),
            "word_probabilities": _floats([word.probability for word in words]),
            "confidence": _floats([heard.confidence]),
            "no_speech_probability": _floats([heard.no_speech_probability]),
        }
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in outputs.items()])


def _failure(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))


def _bytes(texts):
    return np.array([text.encode() for text in texts], np.object_)


def _floats(values):
    return np.array(values, np.float32)
