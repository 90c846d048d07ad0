"""Renders a model's ``config.pbtxt`` from its ModelSpec, through Triton's own message."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from services.inference.spec import VARIABLE, DataType, ModelSpec

Profile = Literal["cpu", "gpu"]
PROFILES: Final[tuple[Profile, ...]] = ("cpu", "gpu")

_TRITON_TYPES = {
    DataType.BOOL: model_config_pb2.TYPE_BOOL,
    DataType.UINT8: model_config_pb2.TYPE_UINT8,
    DataType.INT32: model_config_pb2.TYPE_INT32,
    DataType.INT64: model_config_pb2.TYPE_INT64,
    DataType.FP16: model_config_pb2.TYPE_FP16,
    DataType.FP32: model_config_pb2.TYPE_FP32,
    DataType.BYTES: model_config_pb2.TYPE_STRING,
}
_GRAPHS: Final = "onnx"
"""Backend of models that are a graph and nothing else: Triton's own onnxruntime backend runs them too."""
_ON_GPU: Final = (_GRAPHS, "understanding", "whisper")
"""Backends that use a GPU where they are given one; they look at the kind of their instance."""
_TENSORRT: Final = {
    "precision_mode": "FP16",
    "max_workspace_size_bytes": str(1 << 30),
    # Building an engine takes minutes: it is kept for the next start.
    "trt_engine_cache_enable": "true",
    "trt_engine_cache_path": "/tmp/tensorrt",  # noqa: S108 (in the container)
}


def render(
    spec: ModelSpec, manifest: Mapping[str, object], profile: Profile = "cpu", version: int | None = None
) -> str:
    """Return the text of ``config.pbtxt`` for ``spec``.

    The backend reads ``cpu_threads``, ``manifest`` (JSON) and the spec's own
    parameters from the configuration's parameters. ``version`` is the only one that Triton
    serves, where several stand side by side; None: the newest.

    In the profile ``gpu`` graphs run on Triton's onnxruntime backend, with TensorRT in half
    precision where it knows the operators and CUDA elsewhere. Of the Python backends those get a GPU
    that can use one.
    """
    native = profile == "gpu" and spec.backend == _GRAPHS
    config = model_config_pb2.ModelConfig(
        name=spec.name,
        backend="onnxruntime" if native else "python",
        max_batch_size=spec.max_batch_size,
        input=[
            model_config_pb2.ModelInput(
                name=tensor.name,
                data_type=_TRITON_TYPES[tensor.dtype],
                dims=tensor.shape,
                optional=tensor.optional,
                # Without it the batcher only joins requests of the same length. Our backend pads
                # them; Triton's own would string them together.
                allow_ragged_batch=not native
                and spec.dynamic_batching is not None
                and VARIABLE in tensor.shape,
            )
            for tensor in spec.inputs
        ],
        output=[
            model_config_pb2.ModelOutput(
                name=tensor.name, data_type=_TRITON_TYPES[tensor.dtype], dims=tensor.shape
            )
            for tensor in spec.outputs
        ],
        instance_group=[_instances(spec, profile)],
    )
    if spec.dynamic_batching is not None:
        config.dynamic_batching.preferred_batch_size.extend(spec.dynamic_batching.preferred_batch_sizes)
        config.dynamic_batching.max_queue_delay_microseconds = (
            spec.dynamic_batching.max_queue_delay_microseconds
        )
    if spec.decoupled:
        config.model_transaction_policy.decoupled = True
    if version is not None:
        config.version_policy.specific.versions.append(version)
    if native:
        accelerator = config.optimization.execution_accelerators.gpu_execution_accelerator.add(
            name="tensorrt"
        )
        for name, value in _TENSORRT.items():
            accelerator.parameters[name] = value
    parameters = {
        **spec.parameters,
        "cpu_threads": str(spec.cpu_threads),
        "manifest": json.dumps(manifest, ensure_ascii=False, sort_keys=True),
    }
    for name, value in parameters.items():
        config.parameters[name].string_value = value
    return text_format.MessageToString(config, as_utf8=True)


def _instances(spec: ModelSpec, profile: Profile) -> Any:
    group = model_config_pb2.ModelInstanceGroup
    kind = group.KIND_GPU if profile == "gpu" and spec.backend in _ON_GPU else group.KIND_CPU
    return group(count=spec.instances, kind=kind)
