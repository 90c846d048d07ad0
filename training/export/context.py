"""What an exporter of a model gets, and how a model comes to stand in the repository."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Domain
from services.inference.spec import ModelSpec
from training.export import config
from training.weights.store import WeightStore

_BACKENDS = Path(__file__).parent / "backends"


@dataclass(frozen=True)
class ExportContext:
    """Where an exporter reads and writes.

    ``domain`` is the folder of the company whose models are exported, or None
    to export only what all companies share.
    """

    weights: WeightStore
    repository: Path
    domain: Path | None = None
    console: Console = field(default_factory=Console)

    @cached_property
    def company(self) -> Domain | None:
        """What stands in ``domain``, read once; raises ``DomainError`` for a folder with faults."""
        return None if self.domain is None else load_domain(self.domain)

    def version_folder(self, model: str, version: int = 1) -> Path:
        """Folder of a model's version, for an exporter that builds on another model."""
        return self.repository / model / str(version)

    def build(
        self,
        spec: ModelSpec,
        write: Callable[[Path], Mapping[str, Any]],
        *,
        weights: Iterable[str] = (),
        sources: Iterable[Path] = (),
        version: int = 1,
    ) -> None:
        """Put one version of a model into the repository, unless it stands there already.

        ``write(folder)`` writes the model's data into the empty ``folder`` and
        returns what its manifest says beside the standard entries; ``parity``
        there holds the figures of the check against the source. The model is
        written again when its spec, its backend, one of the ``sources`` (files
        or folders; name the exporter's own file here) or one of the ``weights``
        changes, or when one of its files is gone.
        """
        backend = _BACKENDS / spec.backend
        key = self._key(spec, (backend, *sources), weights)
        target = self.repository / spec.name
        if _is_current(target / str(version), key):
            self.console.print(f"[dim]{spec.name} {version}: up to date[/]", highlight=False, soft_wrap=True)
            return
        began = time.monotonic()
        staging = self.repository.with_name(f".{self.repository.name}.{spec.name}")
        shutil.rmtree(staging, ignore_errors=True)
        folder = staging / str(version)
        folder.mkdir(parents=True)
        with self.console.status(f"{spec.name} {version}: exporting"):
            facts = dict(write(folder))
            shutil.copytree(backend, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        manifest = {
            "model": spec.name,
            "version": version,
            "key": key,
            "files": {
                str(path.relative_to(folder)): path.stat().st_size
                for path in _files(folder)
                if path != folder / "manifest.json"  # a writer may have left its own, which this one replaces
            },
            **facts,
        }
        (folder / "manifest.json").write_text(
            json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True), encoding="utf-8"
        )
        (staging / "config.pbtxt").write_text(config.render(spec, manifest), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.rename(target)
        parity = json.dumps(facts.get("parity", {}), ensure_ascii=False)
        self.console.print(
            f"{spec.name} {version}: exported in {time.monotonic() - began:.1f} s, parity {parity}",
            highlight=False,
            soft_wrap=True,
        )

    def _key(self, spec: ModelSpec, sources: Iterable[Path], weights: Iterable[str]) -> str:
        digest = hashlib.sha256(config.render(spec, {}).encode())
        # The renderer and this file decide how a model looks in the repository.
        for source in (*sources, Path(config.__file__), Path(__file__)):
            for path in _files(source):
                digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        for name in weights:
            for file in self.weights.models[name].files:
                digest.update(f"{file.name}\0{file.sha256}\0".encode())
        return digest.hexdigest()


def _is_current(folder: Path, key: str) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return bool(
            manifest["key"] == key
            and (folder.parent / "config.pbtxt").is_file()
            and all((folder / name).stat().st_size == size for name, size in manifest["files"].items())
        )
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: an exporter names it as a source, but it is not there")
    for child in sorted(path.rglob("*")):
        if child.is_file() and "__pycache__" not in child.parts:
            yield child
