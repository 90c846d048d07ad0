"""A Triton that runs Python functions, and refuses what the real one would refuse."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.inference.port import Tensors
from services.inference.spec import VARIABLE, DataType, ModelSpec, TensorSpec
from services.serving.errors import DeadlineExceeded, FrontdeskError, Unavailable

_NUMPY_TYPES: dict[DataType, np.dtype[Any]] = {
    DataType.BOOL: np.dtype(np.bool_),
    DataType.UINT8: np.dtype(np.uint8),
    DataType.INT32: np.dtype(np.int32),
    DataType.INT64: np.dtype(np.int64),
    DataType.FP16: np.dtype(np.float16),
    DataType.FP32: np.dtype(np.float32),
    DataType.BYTES: np.dtype(np.object_),
}

Compute = Callable[[Tensors], Tensors] | Callable[[Tensors], Awaitable[Tensors]]
ComputeStream = Callable[[Tensors], AsyncIterator[Tensors]]


class FakeInference:
    """Implements ``services.inference.port.InferenceClient``.

    ``models`` maps a model's name to a function of its inputs: plain or async
    for ordinary models, an async generator function for decoupled ones. Every
    tensor that passes is checked against the spec's names, types and shapes, so
    a test fails where the real Triton would. ``fail_with`` makes every call
    fail, as a Triton that is away does. ``calls`` records (model, inputs);
    ``streams_closed`` counts the streams that were left before their end.
    """

    def __init__(
        self,
        models: Mapping[str, Compute | ComputeStream],
        parameters: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._models = models
        self._parameters = parameters or {}
        self.fail_with: FrontdeskError | None = None
        self.calls: list[tuple[str, Tensors]] = []
        self.streams_closed = 0

    async def infer(
        self,
        spec: ModelSpec,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        timeout_seconds: float,
    ) -> Tensors:
        assert not spec.decoupled, f"{spec.name} is decoupled: call stream()"
        function: Any = self._begin(spec, inputs, timeout_seconds)

        async def run() -> Tensors:
            result = function(inputs)
            tensors: Tensors = await result if isinstance(result, Awaitable) else result
            return tensors

        try:
            result = await asyncio.wait_for(run(), timeout_seconds)
        except TimeoutError:
            raise _too_late(spec) from None
        wanted = [tensor.name for tensor in spec.outputs] if outputs is None else list(outputs)
        unknown = set(wanted) - {tensor.name for tensor in spec.outputs}
        assert not unknown, f"{spec.name} has no outputs {sorted(unknown)}"
        chosen = {name: result[name] for name in wanted}
        check_tensors(spec, spec.outputs, chosen, partial=True)
        return chosen

    async def stream(
        self, spec: ModelSpec, inputs: Tensors, *, timeout_seconds: float
    ) -> AsyncGenerator[Tensors, None]:
        assert spec.decoupled, f"{spec.name} is not decoupled: call infer()"
        function: Any = self._begin(spec, inputs, timeout_seconds)
        ended = False
        responses = function(inputs)
        try:
            async with asyncio.timeout(timeout_seconds):
                async for response in responses:
                    check_tensors(spec, spec.outputs, response)
                    yield response
            ended = True
        except TimeoutError:
            raise _too_late(spec) from None
        finally:
            if not ended:
                self.streams_closed += 1
            await responses.aclose()

    async def ready(self, spec: ModelSpec) -> bool:
        return self.fail_with is None and spec.name in self._models

    async def parameters(self, spec: ModelSpec) -> Mapping[str, str]:
        if self.fail_with is not None:
            raise self.fail_with
        return self._parameters.get(spec.name, {})

    def _begin(self, spec: ModelSpec, inputs: Tensors, timeout_seconds: float) -> Compute | ComputeStream:
        assert timeout_seconds > 0, "a call that has no time left must not be made"
        check_tensors(spec, spec.inputs, inputs)
        self.calls.append((spec.name, inputs))
        if self.fail_with is not None:
            raise self.fail_with
        if spec.name not in self._models:
            raise Unavailable("MODEL_UNAVAILABLE", f"model {spec.name} is not loaded")
        return self._models[spec.name]


def check_tensors(
    spec: ModelSpec, tensors: Sequence[TensorSpec], given: Tensors, *, partial: bool = False
) -> None:
    """Assert that ``given`` are tensors as the spec declares them."""
    declared = {tensor.name: tensor for tensor in tensors}
    unknown = given.keys() - declared.keys()
    assert not unknown, f"{spec.name} has no tensors {sorted(unknown)}"
    batches = set()
    for name, tensor in declared.items():
        if name not in given:
            assert tensor.optional or partial, f"{spec.name} misses tensor {name}"
            continue
        array: NDArray[Any] = given[name]
        assert array.dtype == _NUMPY_TYPES[tensor.dtype], f"{spec.name}.{name} is {array.dtype}"
        if tensor.dtype is DataType.BYTES:
            assert all(isinstance(item, bytes) for item in array.flat), f"{spec.name}.{name} holds no bytes"
        shape = array.shape
        if spec.max_batch_size:
            assert shape, f"{spec.name}.{name} has no batch dimension"
            assert 1 <= shape[0] <= spec.max_batch_size, f"{spec.name}.{name} is a batch of {shape[0]}"
            batches.add(shape[0])
            shape = shape[1:]
        assert len(shape) == len(tensor.shape), f"{spec.name}.{name} has shape {array.shape}"
        for length, expected in zip(shape, tensor.shape, strict=True):
            assert expected in (VARIABLE, length), f"{spec.name}.{name} has shape {array.shape}"
    assert len(batches) <= 1, f"{spec.name}: tensors of different batches {batches}"


def _too_late(spec: ModelSpec) -> DeadlineExceeded:
    return DeadlineExceeded("INFERENCE_DEADLINE_EXCEEDED", f"model {spec.name} did not answer in time")
