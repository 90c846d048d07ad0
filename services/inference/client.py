"""The inference port over Triton's gRPC API.

Written on Triton's generated stubs: the client class of ``tritonclient`` keeps
one bidirectional stream open for many requests and copies every tensor twice;
a call for each request is cancelled, timed out and ended by gRPC itself.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from services.inference.port import Tensors
from services.inference.spec import DataType, ModelSpec, TensorSpec
from services.serving.errors import DeadlineExceeded, FrontdeskError, InvalidArgument, Unavailable

_NUMPY_TYPES: Final[Mapping[str, np.dtype[Any]]] = {
    DataType.BOOL: np.dtype(np.bool_),
    DataType.UINT8: np.dtype(np.uint8),
    DataType.INT32: np.dtype("<i4"),
    DataType.INT64: np.dtype("<i8"),
    DataType.FP16: np.dtype("<f2"),
    DataType.FP32: np.dtype("<f4"),
}

_CHANNEL_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),  # the services' own limits come first
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # After Triton was restarted the channel is back within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # also the time that a connection may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

_LEAVE_SECONDS: Final = 0.05
_END: Final[Any] = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs

STREAM_REFUSAL: Final = "INVALID_ARGUMENT: "
"""How a decoupled model begins the text of an error that means: the input is at fault."""


class TritonClient:
    """Implements ``services.inference.port.InferenceClient``.

    ``url`` is host:port of Triton's gRPC endpoint. Construct and use it inside
    one event loop, one client a process: it holds one connection, which comes
    back by itself after Triton was away.
    """

    def __init__(self, url: str) -> None:
        self._channel = grpc.aio.insecure_channel(url, options=_CHANNEL_OPTIONS)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    async def close(self) -> None:
        """Cancel what is under way and close the connection."""
        await self._channel.close(grace=None)

    async def infer(
        self,
        spec: ModelSpec,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        timeout_seconds: float,
    ) -> Tensors:
        """Run ``spec`` once."""
        request = _request(spec, inputs, outputs)
        try:
            response = await self._stub.ModelInfer(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise _domain_error(spec, error) from error
        return _tensors(response)

    async def stream(
        self, spec: ModelSpec, inputs: Tensors, *, timeout_seconds: float
    ) -> AsyncGenerator[Tensors, None]:
        """Yield each response of a decoupled model as it comes."""
        request = _request(spec, inputs, None)
        call = self._stub.ModelStreamInfer(timeout=timeout_seconds)
        try:
            await call.write(request)
            await call.done_writing()
            while (response := await call.read()) is not _END:
                if response.error_message:
                    raise _stream_error(spec, response.error_message)
                yield _tensors(response.infer_response)
        except grpc.aio.AioRpcError as error:
            raise _domain_error(spec, error) from error
        finally:
            if not call.done():
                await _leave(call)

    async def ready(self, spec: ModelSpec) -> bool:
        """Whether the model answers now."""
        request = service_pb2.ModelReadyRequest(name=spec.name)
        try:
            response = await self._stub.ModelReady(request, timeout=1.0)
        except grpc.aio.AioRpcError:
            return False
        return bool(response.ready)

    async def parameters(self, spec: ModelSpec) -> Mapping[str, str]:
        """Parameters of the loaded model's configuration."""
        request = service_pb2.ModelConfigRequest(name=spec.name)
        try:
            response = await self._stub.ModelConfig(request, timeout=5.0)
        except grpc.aio.AioRpcError as error:
            raise _domain_error(spec, error) from error
        return {name: value.string_value for name, value in response.config.parameters.items()}


def _request(
    spec: ModelSpec, inputs: Tensors, outputs: Sequence[str] | None
) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name=spec.name)
    for tensor in spec.inputs:
        array = inputs.get(tensor.name)
        if array is None:
            if tensor.optional:
                continue
            raise ValueError(f"model {spec.name}: input {tensor.name} is missing")
        request.inputs.add(name=tensor.name, datatype=tensor.dtype.value, shape=array.shape)
        request.raw_input_contents.append(_raw(spec, tensor, array))
    for name in outputs or ():
        request.outputs.add(name=name)
    return request


def _raw(spec: ModelSpec, tensor: TensorSpec, array: NDArray[Any]) -> bytes:
    if tensor.dtype is DataType.BYTES:
        serialized = serialize_byte_tensor(array)
        return bytes(serialized.item()) if serialized.size else b""
    expected = _NUMPY_TYPES[tensor.dtype]
    if array.dtype != expected:
        raise ValueError(f"model {spec.name}: input {tensor.name} is {array.dtype}, not {expected}")
    return array.tobytes()


def _tensors(response: service_pb2.ModelInferResponse) -> Tensors:
    """Read-only views of the response's bytes."""
    tensors: dict[str, NDArray[Any]] = {}
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        if output.datatype == DataType.BYTES:
            array = deserialize_bytes_tensor(raw)
        else:
            array = np.frombuffer(raw, _NUMPY_TYPES[output.datatype])
        tensors[output.name] = array.reshape(tuple(output.shape))
    return tensors


async def _leave(call: Any) -> None:
    """Cancel a stream, unless it ends by itself within a moment.

    Triton 2.51 crashes now and then when a cancellation meets the end of the
    stream, which a reader who leaves at the last response would always bring about.
    """
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            while await call.read() is not _END:
                pass
    except (TimeoutError, grpc.aio.AioRpcError):
        call.cancel()


def _stream_error(spec: ModelSpec, message: str) -> FrontdeskError:
    """The error of one response of a stream, which Triton sends as a text alone.

    Triton would send the status code too (header ``triton_grpc_error``), but its
    2.51 then crashes when the model still ends its stream, as every model does.
    """
    if message.startswith(STREAM_REFUSAL):
        return _refused(spec, message.removeprefix(STREAM_REFUSAL))
    return _failed(spec)


def _domain_error(spec: ModelSpec, error: grpc.aio.AioRpcError) -> FrontdeskError:
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(
                "INFERENCE_DEADLINE_EXCEEDED", f"model {spec.name} did not answer in time"
            )
        case grpc.StatusCode.INVALID_ARGUMENT:
            return _refused(spec, error.details() or "")
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED | grpc.StatusCode.NOT_FOUND:
            return Unavailable("INFERENCE_UNAVAILABLE", f"model {spec.name} is not being served now")
        case _:
            return _failed(spec)


def _refused(spec: ModelSpec, details: str) -> InvalidArgument:
    # The text comes from Triton or from one of our backends, which never quote their input.
    return InvalidArgument("MODEL_INPUT_REFUSED", f"model {spec.name} refuses its input: {details}")


def _failed(spec: ModelSpec) -> Unavailable:
    return Unavailable("INFERENCE_FAILED", f"model {spec.name} failed; Triton's log says why")
