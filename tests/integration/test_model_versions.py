"""Versions of a trained model on a real Triton: the newest, and an earlier one after a roll-back."""

import io
import json
from pathlib import Path
from typing import cast

import grpc
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.inference.client import TritonClient
from services.inference.spec import DataType, ModelSpec, TensorSpec
from services.triton.local_server import LocalTriton
from tests.harness.triton import free_ports
from training.export.context import ExportContext
from training.export.publish import publishing
from training.export.roll_back import roll_back
from training.weights.store import WeightStore

pytestmark = pytest.mark.integration

SPEC = ModelSpec(
    name="times",
    backend="onnx",
    inputs=(TensorSpec("x", DataType.FP32, (1,)),),
    outputs=(TensorSpec("y", DataType.FP32, (1,)),),
    max_batch_size=4,
)


def build(repository: Path, factor: float) -> None:
    """Publish a version that multiplies by ``factor``, as an export does."""
    source = repository.parent / "factor"
    source.write_text(str(factor))

    def write(folder: Path) -> dict[str, float]:
        value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in ("x", "y")]
        constant = numpy_helper.from_array(np.array(factor, np.float32), "factor")
        graph = helper.make_graph(
            [helper.make_node("Mul", ["x", "factor"], ["y"])], "times", value[:1], value[1:], [constant]
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(folder / "model.onnx"))
        return {"factor": factor}

    with publishing(repository) as staged:
        console = Console(file=io.StringIO())
        context = ExportContext(cast(WeightStore, None), staged.repository, console=console)
        context.build(SPEC, write, sources=[source], keep=3)


async def answered(triton: LocalTriton) -> tuple[float, float]:
    """Give what the served version multiplies by, and what the manifest in its configuration says."""
    client = TritonClient(triton.url)
    try:
        found = await client.infer(SPEC, {"x": np.ones((1, 1), np.float32)}, timeout_seconds=10)
        manifest = json.loads((await client.parameters(SPEC))["manifest"])
    finally:
        await client.close()
    return float(found["y"][0, 0]), float(manifest["factor"])


def load(triton: LocalTriton) -> None:
    """Tell a running Triton to load the model anew."""
    with grpc.insecure_channel(triton.url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stub.RepositoryModelLoad(service_pb2.RepositoryModelLoadRequest(model_name=SPEC.name), timeout=60)


async def test_the_newest_is_served_and_after_a_roll_back_the_one_before(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    build(repository, 2.0)
    build(repository, 3.0)

    with LocalTriton(repository, **free_ports(), log_file=tmp_path / "log") as triton:
        assert await answered(triton) == (3.0, 3.0)

        build(repository, 5.0)  # the folder that Triton runs on changes places with another
        assert await answered(triton) == (3.0, 3.0)
        load(triton)
        assert await answered(triton) == (5.0, 5.0)

        assert roll_back(repository, "times") == {"times": 2}
        load(triton)
        assert await answered(triton) == (3.0, 3.0)

        assert roll_back(repository, "times", to=1) == {"times": 1}
        load(triton)
        assert await answered(triton) == (2.0, 2.0)

    with LocalTriton(repository, **free_ports(), log_file=tmp_path / "log") as triton:
        assert await answered(triton) == (2.0, 2.0)
