"""Triton's side of a fine-tuned encoder: texts in, intents out.

Requests that wait together are understood together.
"""

import json
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

from .encoder import UnderstandingEncoder


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        # What lies beside this file is of this version; the configuration is of the newest.
        self._encoder = UnderstandingEncoder(
            Path(__file__).parent,
            int(parameters["cpu_threads"]["string_value"]),
            on_gpu=args["model_instance_kind"] == "GPU",
        )

    def execute(self, requests):
        responses = [None] * len(requests)
        waiting = []
        for index, request in enumerate(requests):
            if request.is_cancelled():
                responses[index] = _failure("cancelled", pb_utils.TritonError.CANCELLED)
                continue
            try:
                waiting.append((index, _read(request)))
            except _Refused as error:
                responses[index] = _failure(str(error), pb_utils.TritonError.INVALID_ARG)
        for (index, _), response in zip(waiting, self._run([texts for _, texts in waiting]), strict=True):
            responses[index] = response
        return responses

    def _run(self, jobs):
        if not jobs:
            return []
        try:
            understood = self._encoder.understand([text for texts in jobs for text in texts])
        except Exception as error:  # whatever the graph raises belongs to the requests, not to the server
            if len(jobs) > 1:
                # One of them is at fault: the others must not suffer.
                return [self._run([texts])[0] for texts in jobs]
            pb_utils.Logger.log_error(f"running the graph failed: {type(error).__name__}: {error}")
            return [_failure("running the graph failed", pb_utils.TritonError.INTERNAL)]
        responses = []
        first = 0
        for texts in jobs:
            own = slice(first, first + len(texts))
            responses.append(self._response(understood.intents[own], understood.sentence[own]))
            first += len(texts)
        return responses

    def _response(self, intents, sentence):
        fingerprint = np.full((len(intents), 1), self._encoder.fingerprint.encode(), np.object_)
        outputs = {"intents": intents, "sentence": sentence, "fingerprint": fingerprint}
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, np.ascontiguousarray(array)) for name, array in outputs.items()]
        )


class _Refused(Exception):
    """The request's text cannot be understood."""


def _read(request):
    # Never quoted in an error: it is what a customer said.
    array = pb_utils.get_input_tensor_by_name(request, "text").as_numpy()
    try:
        texts = [text.decode("utf-8") for text in array.reshape(-1)]
    except UnicodeDecodeError as error:
        raise _Refused(f"text is not UTF-8, from its byte {error.start} on") from None
    if not texts or not all(text.strip() for text in texts):
        raise _Refused("text is empty")
    return texts


def _failure(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
