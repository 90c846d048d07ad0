"""The rendered configuration, read back with Triton's own message."""

import dataclasses
import json
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from services.inference.spec import DataType, DynamicBatching, ModelSpec, TensorSpec
from training.export.config import Profile, render


def read(
    spec: ModelSpec, manifest: dict[str, object], profile: Profile = "cpu", version: int | None = None
) -> model_config_pb2.ModelConfig:
    return text_format.Parse(render(spec, manifest, profile, version), model_config_pb2.ModelConfig())


SPEC = ModelSpec(
    name="echo",
    backend="onnx",
    inputs=(TensorSpec("ids", DataType.INT64, (-1,)), TensorSpec("scale", DataType.FP32, (1,), True)),
    outputs=(TensorSpec("vector", DataType.FP32, (-1, 384)),),
)


def spec(**changes: Any) -> ModelSpec:
    return dataclasses.replace(SPEC, **changes)


def test_tensors_keep_names_types_shapes_and_optionality() -> None:
    config = read(spec(), {})

    assert [(t.name, t.data_type, list(t.dims), t.optional) for t in config.input] == [
        ("ids", model_config_pb2.TYPE_INT64, [-1], False),
        ("scale", model_config_pb2.TYPE_FP32, [1], True),
    ]
    assert [(t.name, t.data_type, list(t.dims)) for t in config.output] == [
        ("vector", model_config_pb2.TYPE_FP32, [-1, 384])
    ]
    assert config.backend == "python"


@pytest.mark.parametrize("dtype", DataType)
def test_every_type_is_known_to_triton(dtype: DataType) -> None:
    config = read(spec(inputs=(TensorSpec("x", dtype, (-1,)),)), {})

    assert config.input[0].data_type != model_config_pb2.TYPE_INVALID


def test_only_variable_inputs_of_dynamically_batched_models_are_ragged() -> None:
    batched = read(spec(max_batch_size=64, dynamic_batching=DynamicBatching((32, 64), 200)), {})

    assert [tensor.allow_ragged_batch for tensor in batched.input] == [True, False]
    assert list(batched.dynamic_batching.preferred_batch_size) == [32, 64]
    assert batched.dynamic_batching.max_queue_delay_microseconds == 200
    assert batched.max_batch_size == 64


def test_models_without_batching_have_none() -> None:
    config = read(spec(), {})

    assert not config.HasField("dynamic_batching")
    assert not any(tensor.allow_ragged_batch for tensor in config.input)
    assert config.max_batch_size == 0


def test_instances_run_on_the_cpu_and_streams_are_decoupled() -> None:
    config = read(spec(decoupled=True, instances=2), {})

    assert config.model_transaction_policy.decoupled
    assert [(group.count, group.kind) for group in config.instance_group] == [
        (2, model_config_pb2.ModelInstanceGroup.KIND_CPU)
    ]


def test_the_backend_reads_threads_parameters_and_manifest() -> None:
    config = read(spec(cpu_threads=2, parameters={"beam": "5"}), {"labels": ["退货", 'say "hi"\n']})

    assert config.parameters["cpu_threads"].string_value == "2"
    assert config.parameters["beam"].string_value == "5"
    assert json.loads(config.parameters["manifest"].string_value) == {"labels": ["退货", 'say "hi"\n']}


def test_of_several_versions_one_is_served() -> None:
    assert list(read(spec(), {}, version=3).version_policy.specific.versions) == [3]
    assert not read(spec(), {}).HasField("version_policy")


BATCHED = spec(max_batch_size=64, dynamic_batching=DynamicBatching((32, 64), 200), parameters={"beam": "5"})


def test_both_profiles_have_the_same_tensors_batching_and_parameters() -> None:
    cpu, gpu = read(BATCHED, {"labels": ["退货"]}, "cpu"), read(BATCHED, {"labels": ["退货"]}, "gpu")

    for tensor in (*cpu.input, *gpu.input):
        tensor.allow_ragged_batch = False
    for config in (cpu, gpu):
        config.ClearField("backend")
        config.ClearField("instance_group")
        config.ClearField("optimization")
    assert cpu == gpu


def test_graphs_run_on_a_gpu_with_tensorrt_in_half_precision() -> None:
    config = read(BATCHED, {}, "gpu")

    assert config.backend == "onnxruntime"
    assert [(group.count, group.kind) for group in config.instance_group] == [
        (1, model_config_pb2.ModelInstanceGroup.KIND_GPU)
    ]
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert accelerator.parameters["precision_mode"] == "FP16"
    # Triton's own backend strings ragged requests together; ours pads them.
    assert not any(tensor.allow_ragged_batch for tensor in config.input)


@pytest.mark.parametrize(("backend", "on_gpu"), [("understanding", True), ("whisper", True), ("ocr", False)])
def test_python_backends_get_a_gpu_where_they_can_use_one(backend: str, on_gpu: bool) -> None:
    kinds = model_config_pb2.ModelInstanceGroup
    config = read(spec(backend=backend), {}, "gpu")

    assert config.backend == "python"
    assert config.instance_group[0].kind == (kinds.KIND_GPU if on_gpu else kinds.KIND_CPU)
    assert not config.HasField("optimization")
    assert read(spec(backend=backend), {}).instance_group[0].kind == kinds.KIND_CPU
