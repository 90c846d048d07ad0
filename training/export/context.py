"""What an exporter of a model gets, and how a model comes to stand in the repository."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Domain
from services.inference.spec import ModelSpec
from training.export import config, publish, version_files, versions
from training.export.config import Profile
from training.weights.store import WeightStore

_BACKENDS = Path(__file__).parent / "backends"
_STANDARD: Final = ("model", "version", "key", "files", "builds_on")
"""Entries of a manifest that stand here; the others are the exporter's."""


@dataclass(frozen=True)
class ExportContext:
    """Where an exporter reads and writes.

    ``domain`` is the folder of the company whose models are exported, or None
    to export only what all companies share. ``interrupted`` is a repository that an
    export left which was killed: what is whole in it need not be made again.
    ``reranker`` is the folder of a trained one; None: ``reranker`` beside the repository,
    where there is one.
    """

    weights: WeightStore
    repository: Path
    domain: Path | None = None
    console: Console = field(default_factory=Console)
    profile: Profile = "cpu"
    reranker: Path | None = None
    interrupted: Path | None = None

    @cached_property
    def company(self) -> Domain | None:
        """What stands in ``domain``, read once; raises ``DomainError`` for a folder with faults."""
        return None if self.domain is None else load_domain(self.domain)

    def version_folder(self, model: str) -> Path:
        """Folder of a model's served version, for an exporter that builds on another model."""
        return self.repository / model / str(versions.served_version(self.repository / model) or 1)

    def build(
        self,
        spec: ModelSpec,
        write: Callable[[Path], Mapping[str, Any]],
        *,
        weights: Iterable[str] = (),
        sources: Iterable[Path] = (),
        version: int = 1,
        keep: int = 1,
        builds_on: Mapping[str, str] | None = None,
    ) -> None:
        """Put one version of a model into the repository, unless it stands there already.

        ``write(folder)`` writes the model's data into the empty ``folder`` and
        returns what its manifest says beside the standard entries; ``parity``
        there holds the figures of the check against the source. The model is
        written again when its spec, its backend, one of the ``sources`` (files
        or folders; name the exporter's own file here) or one of the ``weights``
        changes, or when one of its files is gone.

        With ``keep`` above 1 (trained models) a changed model becomes the next version and the
        ``keep`` newest stay side by side; else ``version`` is replaced. What was rolled back stays
        so until something changes. ``builds_on`` names models, each by the ``fingerprint`` in the
        manifest of the version that this one belongs to: both are rolled back together, and this
        one is held back while another version of them is served.
        """
        backend = _BACKENDS / spec.backend
        key = self._key(spec, (backend, *sources), weights)
        target = self.repository / spec.name
        served = versions.served_version(target)
        numbers = versions.versions(target) if keep > 1 else [version]
        found = next((n for n in numbers[::-1] if versions.is_whole(target / str(n), key)), None)
        if found is not None and found == served:
            self._say(f"[dim]{spec.name} {found}: up to date[/]")
            return
        if found is not None and served is not None and found > served:
            self._say(f"{spec.name} {found}: was rolled back, and is kept; {served} is served")
            return
        for base, fingerprint in (builds_on or {}).items():
            if not self._serves(base, fingerprint, spec):
                return
        began = time.monotonic()
        staging = self.repository.with_name(f".{self.repository.name.lstrip('.')}.{spec.name}")
        shutil.rmtree(staging, ignore_errors=True)
        folder = staging / "new"
        number = version if keep == 1 else max(numbers, default=0) + 1
        with self.console.status(f"{spec.name} {number}: exporting"):
            made = [target / str(found)] if found and keep > 1 else self._interrupted(spec, key)
            if made:
                publish.link_tree(made[0], folder)
                facts = {k: v for k, v in versions.read_manifest(folder).items() if k not in _STANDARD}
            else:
                folder.mkdir(parents=True)
                facts = dict(write(folder))
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(backend, folder, dirs_exist_ok=True, ignore=ignore)
        entries = {**facts, "model": spec.name, "files": version_files.sizes(folder)}
        if builds_on:
            entries["builds_on"] = dict(builds_on)

        def describe(version: int, key: str) -> tuple[dict[str, Any], str]:
            manifest = {**entries, "version": version, "key": key}
            return manifest, config.render(spec, manifest, self.profile, version if keep > 1 else None)

        if served is not None:
            current = target / str(served)
            version_files.share(folder, current)
            as_current = describe(served, str(versions.read_manifest(current).get("key")))[1]
            if keep > 1 and version_files.equal(folder, current, as_current):
                number = served  # the same, of changed sources: nothing that could be rolled back
        version_files.describe(folder, *describe(number, key))
        publish.flush(folder)
        folder.rename(staging / str(number))
        older = [n for n in numbers if n != number and (served is None or n <= served)]
        older = [n for n in older if version_files.can_be_served(target / str(n))]
        for each in older[::-1][: keep - 1]:
            publish.link_tree(target / str(each), staging / str(each))
        publish.link(staging / str(number) / versions.CONFIG, staging / versions.CONFIG)
        target.parent.mkdir(parents=True, exist_ok=True)
        publish.swap(staging, target)
        shutil.rmtree(staging, ignore_errors=True)
        parity = json.dumps(facts.get("parity", {}), ensure_ascii=False)
        self._say(f"{spec.name} {number}: exported in {time.monotonic() - began:.1f} s, parity {parity}")

    def remove(self, model: str) -> None:
        """Take a model with all its versions out of the repository, where it is there."""
        if (folder := self.repository / model).is_dir():
            shutil.rmtree(folder)
            self._say(f"{model}: taken away, since the domain has it no more")

    def _serves(self, model: str, fingerprint: str, spec: ModelSpec) -> bool:
        """Whether ``model`` is served in the version that ``spec`` builds on, or was rolled back from it."""
        folder = self.repository / model
        kept = {n: versions.read_manifest(folder / str(n)) for n in versions.versions(folder)}
        wanted = [n for n, manifest in kept.items() if manifest.get("fingerprint") == fingerprint]
        if not wanted:
            raise ValueError(
                f"{spec.name} builds on a {model} that is not in the repository: export that too"
            )
        served = versions.served_version(folder)
        if served in wanted:
            return True
        self._say(f"{spec.name}: held back, since it builds on {model} {wanted[-1]} and {served} is served")
        return False

    def _interrupted(self, spec: ModelSpec, key: str) -> list[Path]:
        """What an export that was killed had made of this model."""
        folder = self.interrupted / spec.name if self.interrupted else None
        if folder is None:
            return []
        made = [folder / str(number) for number in versions.versions(folder)]
        return [version for version in made if versions.is_whole(version, key)]

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)

    def _key(self, spec: ModelSpec, sources: Iterable[Path], weights: Iterable[str]) -> str:
        digest = hashlib.sha256(config.render(spec, {}, self.profile).encode())
        # The renderer and these files decide how a model looks in the repository.
        ours = (config.__file__, __file__, version_files.__file__)
        for source in (*sources, *map(Path, ours)):
            for path in _files(source):
                digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        for name in weights:
            for file in self.weights.models[name].files:
                digest.update(f"{file.name}\0{file.sha256}\0".encode())
        return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: an exporter names it as a source, but it is not there")
    for child in sorted(path.rglob("*")):
        if child.is_file() and "__pycache__" not in child.parts:
            yield child
