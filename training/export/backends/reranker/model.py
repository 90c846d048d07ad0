"""Triton's side of the reranker: questions and passages in, scores out.

Requests that wait together are scored together.
"""

import json
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

from .scorer import PairScorer


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        # What lies beside this file is of this version; the configuration is of the newest.
        self._scorer = PairScorer(Path(__file__).parent, int(parameters["cpu_threads"]["string_value"]))

    def execute(self, requests):
        responses = [None] * len(requests)
        waiting = []
        for index, request in enumerate(requests):
            if request.is_cancelled():
                responses[index] = _failure("cancelled", pb_utils.TritonError.CANCELLED)
                continue
            try:
                waiting.append((index, (_texts(request, "question"), _texts(request, "passage"))))
            except _Refused as error:
                responses[index] = _failure(str(error), pb_utils.TritonError.INVALID_ARG)
        for (index, _), response in zip(waiting, self._run([pairs for _, pairs in waiting]), strict=True):
            responses[index] = response
        return responses

    def _run(self, jobs):
        if not jobs:
            return []
        questions = [text for job, _ in jobs for text in job]
        passages = [text for _, job in jobs for text in job]
        try:
            scores = self._scorer.score(questions, passages)
        except Exception as error:  # whatever the graph raises belongs to the requests, not to the server
            if len(jobs) > 1:
                # One of them is at fault: the others must not suffer.
                return [self._run([job])[0] for job in jobs]
            pb_utils.Logger.log_error(f"running the graph failed: {type(error).__name__}: {error}")
            return [_failure("running the graph failed", pb_utils.TritonError.INTERNAL)]
        responses = []
        first = 0
        for job, _ in jobs:
            responses.append(self._response(scores[first : first + len(job)]))
            first += len(job)
        return responses

    def _response(self, scores):
        model = np.full((len(scores), 1), self._scorer.identity.encode(), np.object_)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("score", np.ascontiguousarray(scores[:, None])),
                pb_utils.Tensor("model", model),
            ]
        )


class _Refused(Exception):
    """The request's texts cannot be read."""


def _texts(request, name):
    # Never quoted in an error: it is what a customer said.
    array = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
    try:
        texts = [text.decode("utf-8") for text in array.reshape(-1)]
    except UnicodeDecodeError as error:
        raise _Refused(f"{name} is not UTF-8, from its byte {error.start} on") from None
    if not texts or not all(text.strip() for text in texts):
        raise _Refused(f"{name} is empty")
    return texts


def _failure(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
