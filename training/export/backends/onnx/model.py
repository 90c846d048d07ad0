"""Runs ``model.onnx`` with ONNX Runtime.

Requests that wait together run as one batch, padded with zeros to the longest;
models whose length varies take a mask that says what is padding. Dimensions of
the graph are told apart by their names: an output's dimension that has an
input's name is cut back to that request's own length. So every dimension of a graph that is not
a number needs a name.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

# What a run costs beside its content, in positions (of a sequence; 1 where no
# length varies). Requests are joined where that pads fewer.
_RUN_COST = 4
# Positions of a joined run: on a CPU larger ones are no faster, and need more memory.
_MOST_POSITIONS = 256


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self._batched = config["max_batch_size"] > 0
        self._max_rows = max(config["max_batch_size"], 1)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(config["parameters"]["cpu_threads"]["string_value"])
        options.inter_op_num_threads = 1
        # Spinning threads cost ten times on a machine that has other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input_dimensions = {value.name: value.shape for value in self._session.get_inputs()}
        self._output_dimensions = {value.name: value.shape for value in self._session.get_outputs()}
        for name, dimensions in (self._input_dimensions | self._output_dimensions).items():
            if None in dimensions:
                raise ValueError(f"{path}: {name} has a dimension without name or size: {dimensions}")

    def execute(self, requests):
        responses = [None] * len(requests)
        waiting = {}
        for index, request in enumerate(requests):
            try:
                job = self._read(request)
            except _Refused as error:
                responses[index] = _failure(str(error), pb_utils.TritonError.INVALID_ARG)
                continue
            if request.is_cancelled():
                responses[index] = _failure("cancelled", pb_utils.TritonError.CANCELLED)
                continue
            # What nobody asks for is neither computed nor copied: such requests run apart.
            waiting.setdefault(job.outputs, []).append((index, job))
        for outputs, jobs in waiting.items():
            for group in self._groups(jobs):
                for (index, _), response in zip(
                    group, self._run(outputs, [job for _, job in group]), strict=True
                ):
                    responses[index] = response
        return responses

    def _read(self, request):
        inputs = {}
        for name, dimensions in self._input_dimensions.items():
            tensor = pb_utils.get_input_tensor_by_name(request, name)
            if tensor is None:
                raise _Refused(f"input {name} is missing")
            array = tensor.as_numpy()
            if array.ndim != len(dimensions):
                raise _Refused(f"input {name} has {array.ndim} dimensions, not {len(dimensions)}")
            if 0 in array.shape:
                raise _Refused(f"input {name} is empty: its shape is {array.shape}")
            inputs[name] = array
        sizes = {}
        for name, array in inputs.items():
            for dimension, size in zip(self._input_dimensions[name], array.shape, strict=True):
                expected = dimension if isinstance(dimension, int) else sizes.setdefault(dimension, size)
                if expected != size:
                    raise _Refused(f"input {name} has shape {array.shape}: {dimension} must be {expected}")
        outputs = tuple(sorted(set(request.requested_output_names())))
        for name in outputs:
            if name not in self._output_dimensions:
                raise _Refused(f"there is no output {name}")
        return _Job(inputs, sizes, outputs)

    def _groups(self, jobs):
        """Cut jobs into runs, each of jobs of similar size."""
        if not self._batched:
            return [[job] for job in jobs]
        groups = []
        rows = positions = 0
        for entry in sorted(jobs, key=lambda entry: entry[1].length):
            job = entry[1]
            padding = rows * job.length - positions
            joined = rows + job.rows
            fits = joined <= self._max_rows and joined * job.length <= _MOST_POSITIONS
            if groups and fits and padding <= _RUN_COST:
                groups[-1].append(entry)
                rows = joined
                positions += job.rows * job.length
            else:
                groups.append([entry])
                rows, positions = job.rows, job.rows * job.length
        return groups

    def _run(self, outputs, jobs):
        try:
            if len(jobs) == 1:
                arrays = self._session.run(list(outputs), jobs[0].inputs)
                return [_success(outputs, arrays)]
            joined = {name: _join([job.inputs[name] for job in jobs]) for name in self._input_dimensions}
            arrays = self._session.run(list(outputs), joined)
        except Exception as error:  # whatever the graph raises belongs to the requests, not to the server
            if len(jobs) > 1:
                # One of them is at fault: the others must not suffer.
                return [self._run(outputs, [job])[0] for job in jobs]
            pb_utils.Logger.log_error(f"running the graph failed: {type(error).__name__}: {error}")
            return [_failure("running the graph failed", pb_utils.TritonError.INTERNAL)]
        responses = []
        first = 0
        for job in jobs:
            own = [
                array[(slice(first, first + job.rows), *self._own_part(name, job))]
                for name, array in zip(outputs, arrays, strict=True)
            ]
            responses.append(_success(outputs, own))
            first += job.rows
        return responses

    def _own_part(self, output, job):
        """Slices behind the batch dimension that leave out the padding."""
        return [slice(job.sizes.get(dimension)) for dimension in self._output_dimensions[output][1:]]


class _Refused(Exception):
    """The request's inputs do not fit the graph."""


class _Job:
    def __init__(self, inputs, sizes, outputs):
        self.inputs = inputs
        self.sizes = sizes
        self.outputs = outputs
        # A batched graph's first dimension is the batch.
        self.rows, *lengths = sizes.values() or [1]
        self.length = max(lengths, default=1)


def _join(arrays):
    shape = (sum(len(array) for array in arrays), *np.max([array.shape[1:] for array in arrays], axis=0))
    joined = np.zeros([int(size) for size in shape], arrays[0].dtype)
    first = 0
    for array in arrays:
        joined[(slice(first, first + len(array)), *map(slice, array.shape[1:]))] = array
        first += len(array)
    return joined


def _success(names, arrays):
    return pb_utils.InferenceResponse(
        [
            pb_utils.Tensor(name, np.ascontiguousarray(array))
            for name, array in zip(names, arrays, strict=True)
        ]
    )


def _failure(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
