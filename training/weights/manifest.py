"""What a weights manifest (``cpu.toml``) says: which files a model needs, and which package carries them."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar


class WeightsError(ValueError):
    """Weights cannot be had; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """A member of a package: ``package`` as in the manifest, ``member`` its path inside."""

    package: str
    member: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a model: the bytes of its parts, joined; ``sha256`` in lower-case hex."""

    name: str
    bytes: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of one model, and where they come from.

    ``revision`` is empty where it is not known, ``files`` where no package carries them.
    """

    name: str
    source: str
    revision: str
    licence: str
    files: tuple[WeightFile, ...]

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages needed, each once."""
        return tuple(dict.fromkeys(part.package for file in self.files for part in file.parts))


_T = TypeVar("_T")

_NAME = re.compile(r"[a-z0-9_]+")
_PACKAGE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9._+!-]+|npm:(@[a-z0-9._-]+/)?[a-z0-9._-]+@[A-Za-z0-9._+-]+"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_manifest(path: Path) -> dict[str, Weights]:
    """The models of a manifest by name.

    Raises:
        WeightsError: the manifest is absent or malformed; names the table and the key.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such manifest") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path}: not readable as TOML: {error}") from error
    return {name: _weights(path, name, table) for name, table in tables.items()}


def _weights(path: Path, name: str, table: Any) -> Weights:
    where = f"{path}: [{name}]"
    if not _NAME.fullmatch(name):
        raise WeightsError(f"{where}: a name has lower-case letters, digits and _ only")
    files = _get(where, table, "files", list) if "files" in table else []
    weights = Weights(
        name=name,
        source=_get(where, table, "source", str),
        revision=_get(where, table, "revision", str) if "revision" in table else "",
        licence=_get(where, table, "licence", str),
        files=tuple(_file(f"{where} files[{index}]", file) for index, file in enumerate(files)),
    )
    names = [file.name for file in weights.files]
    if len(set(names)) != len(names):
        raise WeightsError(f"{where}: a file name stands twice in {names}")
    return weights


def _file(where: str, table: Any) -> WeightFile:
    name = _relative(where, _get(where, table, "name", str))
    where = f"{where} {name}"
    size = _get(where, table, "bytes", int)
    sha256 = _get(where, table, "sha256", str)
    if not _SHA256.fullmatch(sha256):
        raise WeightsError(f"{where}: sha256 is not 64 lower-case hex digits: {sha256!r}")
    parts = _get(where, table, "parts", list) if "parts" in table else [table]
    return WeightFile(name, size, sha256, tuple(_part(where, part) for part in parts))


def _part(where: str, table: Any) -> Part:
    package = _get(where, table, "package", str)
    if not _PACKAGE.fullmatch(package):
        raise WeightsError(f"{where}: package is neither NAME==VERSION nor npm:NAME@VERSION: {package!r}")
    return Part(package, _get(where, table, "member", str))


def _relative(where: str, name: str) -> str:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or pure.parts[0].startswith("."):
        raise WeightsError(f"{where}: not a plain relative file name: {name!r}")
    return name


def _get(where: str, table: Any, key: str, kind: type[_T]) -> _T:
    value = table.get(key) if isinstance(table, dict) else None
    if not isinstance(value, kind):
        raise WeightsError(f"{where}: {key} is missing or not {kind.__name__}")
    return value
