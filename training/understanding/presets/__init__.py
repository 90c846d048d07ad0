"""Choices by name: ``NAME.toml`` beside this file, with the arguments that differ from the defaults."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from training.understanding.arguments import UnderstandingArguments

_FOLDER = Path(__file__).parent


def choose(
    preset: str | Path | None, overrides: Iterable[str] = (), folder: Path = _FOLDER
) -> UnderstandingArguments:
    """Give the arguments of a preset, by its name or file, with overrides (``learning_rate=5e-5``).

    None, or a name that has no preset, gives the defaults. Raises ``ValueError`` naming the file or the
    override that is wrong.
    """
    values: dict[str, Any] = {}
    if preset is not None:
        path = preset if isinstance(preset, Path) else folder / f"{preset}.toml"
        if isinstance(preset, Path) or path.exists():
            values = read(path)
    try:
        return UnderstandingArguments.of({**values, **dict(map(_override, overrides))})
    except ValueError as error:
        raise ValueError(f"{preset}: {error}" if values else str(error)) from error


def read(path: Path) -> dict[str, Any]:
    """Read a preset. Raises ``ValueError`` naming what is wrong with it."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: the preset cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return {name: _typed(name, value, str(path)) for name, value in values.items()}


def write(path: Path, values: Mapping[str, Any], comment: str) -> None:
    """Write a preset, under a comment that says where its values are from; whole or not at all."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(path)


def _override(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"override {text!r}: write NAME=VALUE")
    return name.strip(), _typed(name.strip(), value.strip(), f"override {text!r}")


def _typed(name: str, value: Any, where: str) -> Any:
    """A value as the argument's default is; unknown names are left to ``UnderstandingArguments.of``."""
    default = {field.name: field.default for field in fields(UnderstandingArguments)}.get(name)
    if isinstance(default, bool):
        if str(value).lower() not in ("true", "false"):
            raise ValueError(f"{where}: {name} is {value!r}: write true or false")
        return str(value).lower() == "true"
    if isinstance(default, int | float):
        try:
            return type(default)(str(value))
        except ValueError as error:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise ValueError(f"{where}: {name} is {value!r}: write {kind}") from error
    return value
