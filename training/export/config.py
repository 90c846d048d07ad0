"""Renders a model's ``config.pbtxt`` from its ModelSpec, through Triton's own message."""

import json
from collections.abc import Mapping

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from services.inference.spec import VARIABLE, DataType, ModelSpec

_TRITON_TYPES = {
    DataType.BOOL: model_config_pb2.TYPE_BOOL,
    DataType.UINT8: model_config_pb2.TYPE_UINT8,
    DataType.INT32: model_config_pb2.TYPE_INT32,
    DataType.INT64: model_config_pb2.TYPE_INT64,
    DataType.FP16: model_config_pb2.TYPE_FP16,
    DataType.FP32: model_config_pb2.TYPE_FP32,
    DataType.BYTES: model_config_pb2.TYPE_STRING,
}


def render(spec: ModelSpec, manifest: Mapping[str, object]) -> str:
    """Return the text of ``config.pbtxt`` for ``spec``.

    The backend reads ``cpu_threads``, ``manifest`` (JSON) and the spec's own
    parameters from the configuration's parameters.
    """
    config = model_config_pb2.ModelConfig(
        name=spec.name,
        backend="python",
        max_batch_size=spec.max_batch_size,
        input=[
            model_config_pb2.ModelInput(
                name=tensor.name,
                data_type=_TRITON_TYPES[tensor.dtype],
                dims=tensor.shape,
                optional=tensor.optional,
                # Without it the batcher only joins requests of the same length.
                allow_ragged_batch=spec.dynamic_batching is not None and VARIABLE in tensor.shape,
            )
            for tensor in spec.inputs
        ],
        output=[
            model_config_pb2.ModelOutput(
                name=tensor.name, data_type=_TRITON_TYPES[tensor.dtype], dims=tensor.shape
            )
            for tensor in spec.outputs
        ],
        instance_group=[
            model_config_pb2.ModelInstanceGroup(
                count=spec.instances, kind=model_config_pb2.ModelInstanceGroup.KIND_CPU
            )
        ],
    )
    if spec.dynamic_batching is not None:
        config.dynamic_batching.preferred_batch_size.extend(spec.dynamic_batching.preferred_batch_sizes)
        config.dynamic_batching.max_queue_delay_microseconds = (
            spec.dynamic_batching.max_queue_delay_microseconds
        )
    if spec.decoupled:
        config.model_transaction_policy.decoupled = True
    parameters = {
        **spec.parameters,
        "cpu_threads": str(spec.cpu_threads),
        "manifest": json.dumps(manifest, ensure_ascii=False, sort_keys=True),
    }
    for name, value in parameters.items():
        config.parameters[name].string_value = value
    return text_format.MessageToString(config, as_utf8=True)
