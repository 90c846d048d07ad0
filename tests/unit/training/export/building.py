"""A repository of models that say what their source says."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from google.protobuf import text_format
from rich.console import Console
from tritonclient.grpc import model_config_pb2

from services.inference.spec import DataType, ModelSpec, TensorSpec
from training.export.context import ExportContext
from training.export.versions import served_version, versions
from training.weights.store import WeightStore


def spec(name: str = "model", **changes: Any) -> ModelSpec:
    tensors = (TensorSpec("x", DataType.FP32, (1,)),), (TensorSpec("y", DataType.FP32, (1,)),)
    return replace(ModelSpec(name, "onnx", *tensors), **changes)


class Repository:
    """Builds models whose content is what their source says, as exporters do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "repository"
        self.told = io.StringIO()
        console = Console(file=self.told, width=200)
        self.context = ExportContext(cast(WeightStore, None), self.path, console=console)
        self.writes = 0

    def build(
        self, content: str, name: str = "model", *, keep: int = 3, source: str | None = None, **options: Any
    ) -> None:
        file = self.folder / f"{name}.source"
        file.write_text(content if source is None else source)
        changes = options.pop("changes", {})

        def write(folder: Path) -> Mapping[str, Any]:
            self.writes += 1
            (folder / "data.bin").write_text(content)
            (folder / "common.bin").write_text("the same in all")
            return {"says": content, "fingerprint": f"of {content}", "parity": {"difference": 0.0}}

        self.context.build(spec(name, **changes), write, sources=[file], keep=keep, **options)

    def served(self, name: str = "model") -> str:
        """The data that Triton would serve; checks that the configuration tells of that version alone."""
        model = self.path / name
        config = text_format.Parse((model / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
        (number,) = config.version_policy.specific.versions
        manifest = json.loads(config.parameters["manifest"].string_value)
        assert manifest == json.loads((model / str(number) / "manifest.json").read_text())
        assert manifest["version"] == number == served_version(model)
        assert manifest["says"] == (model / str(number) / "data.bin").read_text()
        return str(manifest["says"])

    def kept(self, name: str = "model") -> dict[int, str]:
        model = self.path / name
        return {number: (model / str(number) / "data.bin").read_text() for number in versions(model)}
