"""Which versions of a model stand in a repository, and which one is served."""

import json
from pathlib import Path
from typing import Any, Final

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

CONFIG: Final = "config.pbtxt"
MANIFEST: Final = "manifest.json"
KEPT: Final = 3
"""Versions of a trained model that stay side by side."""


def versions(model: Path) -> list[int]:
    """Numbers of the versions in a model's folder, ascending; none where there is no folder."""
    if not model.is_dir():
        return []
    return sorted(int(path.name) for path in model.iterdir() if path.name.isdecimal() and path.is_dir())


def served_version(model: Path) -> int | None:
    """Number of the version that Triton serves, from the model's ``config.pbtxt``; None where none is whole.

    The configuration carries the manifest of the version that it names, so that both change as one.
    """
    try:
        text = (model / CONFIG).read_text(encoding="utf-8")
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        version = int(json.loads(config.parameters["manifest"].string_value)["version"])
    except (OSError, ValueError, LookupError, TypeError, text_format.ParseError):
        return None
    return version if (model / str(version)).is_dir() else None


def served_folder(repository: Path, model: str) -> Path:
    """Folder of the version that is served. Raises ``FileNotFoundError``, with what to run, for none."""
    version = served_version(repository / model)
    if version is None:
        raise FileNotFoundError(f"{repository / model}: no such model is exported; run `make export` first")
    return repository / model / str(version)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a version's folder says of itself; empty where it does not."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def is_whole(folder: Path, key: str) -> bool:
    """Whether ``folder`` holds all files of the version that was made from what ``key`` stands for."""
    manifest = read_manifest(folder)
    try:
        return bool(
            manifest["key"] == key
            and all((folder / name).stat().st_size == size for name, size in manifest["files"].items())
        )
    except (OSError, LookupError, TypeError, AttributeError):
        return False
