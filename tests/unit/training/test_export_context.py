"""When a model is exported again, and that the repository never holds half of one."""

import io
import json
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from services.inference.spec import DataType, ModelSpec, TensorSpec
from training.export.context import ExportContext
from training.export.repository import export_repository
from training.weights.manifest import WeightFile, Weights
from training.weights.store import WeightStore

SPEC = ModelSpec(
    name="small",
    backend="onnx",
    inputs=(TensorSpec("x", DataType.FP32, (1,)),),
    outputs=(TensorSpec("y", DataType.FP32, (1,)),),
)


class Store:
    """The part of a WeightStore that the context reads."""

    def __init__(self, sha256: str) -> None:
        file = WeightFile("model.bin", 1, sha256, ())
        self.models = {"small_weights": Weights("small_weights", "hub/small", "", "MIT", (file,))}


class Exporter:
    def __init__(self) -> None:
        self.runs = 0
        self.fails = False

    def __call__(self, folder: Path) -> dict[str, Any]:
        self.runs += 1
        (folder / "data.bin").write_bytes(b"x" * 10)
        if self.fails:
            raise ValueError("no parity")
        return {"parity": {"cosine": 0.9999}}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source.py"
    file.write_text("1")
    return file


@pytest.fixture
def exporter() -> Exporter:
    return Exporter()


def context(tmp_path: Path, sha256: str = "a" * 64) -> ExportContext:
    store = cast(WeightStore, Store(sha256))
    return ExportContext(store, tmp_path / "repository", console=Console(file=io.StringIO()))


def build(context: ExportContext, exporter: Exporter, source: Path, spec: ModelSpec = SPEC) -> None:
    context.build(spec, exporter, weights=["small_weights"], sources=[source])


def test_a_model_stands_whole_in_the_repository(tmp_path: Path, exporter: Exporter, source: Path) -> None:
    build(context(tmp_path), exporter, source)

    folder = tmp_path / "repository" / "small"
    manifest = json.loads((folder / "1" / "manifest.json").read_text())
    assert manifest["parity"] == {"cosine": 0.9999}
    assert manifest["files"]["data.bin"] == 10
    assert (folder / "1" / "model.py").is_file()
    assert "cosine" in (folder / "config.pbtxt").read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_is_up_to_date_is_not_exported_again(tmp_path: Path, exporter: Exporter, source: Path) -> None:
    build(context(tmp_path), exporter, source)
    build(context(tmp_path), exporter, source)

    assert exporter.runs == 1


def test_changed_sources_weights_and_specs_are_exported_again(
    tmp_path: Path, exporter: Exporter, source: Path
) -> None:
    build(context(tmp_path), exporter, source)
    source.write_text("2")
    build(context(tmp_path), exporter, source)
    assert exporter.runs == 2

    build(context(tmp_path, "b" * 64), exporter, source)
    assert exporter.runs == 3

    more_threads = ModelSpec("small", "onnx", SPEC.inputs, SPEC.outputs, cpu_threads=2)
    build(context(tmp_path, "b" * 64), exporter, source, more_threads)
    assert exporter.runs == 4


@pytest.mark.parametrize("name", ["1/data.bin", "1/manifest.json", "1/model.py", "config.pbtxt"])
def test_a_missing_or_cut_file_is_made_again(
    tmp_path: Path, exporter: Exporter, source: Path, name: str
) -> None:
    build(context(tmp_path), exporter, source)
    file = tmp_path / "repository" / "small" / name
    if name == "1/data.bin":
        file.write_bytes(b"x")
    else:
        file.unlink()

    build(context(tmp_path), exporter, source)

    assert exporter.runs == 2
    assert file.is_file()


def test_a_failing_export_leaves_the_old_model(tmp_path: Path, exporter: Exporter, source: Path) -> None:
    build(context(tmp_path), exporter, source)
    before = (tmp_path / "repository" / "small" / "1" / "manifest.json").read_text()
    exporter.fails = True
    source.write_text("2")

    with pytest.raises(ValueError, match="no parity"):
        build(context(tmp_path), exporter, source)

    assert (tmp_path / "repository" / "small" / "1" / "manifest.json").read_text() == before


def test_a_source_that_is_not_there_is_named(tmp_path: Path, exporter: Exporter) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.py"):
        build(context(tmp_path), exporter, tmp_path / "absent.py")


def test_unknown_exporters_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no exporter named video: there are text_encoder"):
        export_repository(context(tmp_path), ["video"])
