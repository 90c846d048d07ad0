"""Presets: what each public set is trained with (``presets/NAME.toml``), and choices from a command line."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from training.understanding.arguments import UnderstandingArguments

FOLDER: Final = Path(__file__).with_name("presets")


class PresetError(ValueError):
    """A preset or a choice cannot be used; the message names it."""


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Give the presets that there are, in alphabetical order."""
    return tuple(sorted(file.stem for file in folder.glob("*.toml")))


def read(name: str, folder: Path = FOLDER) -> UnderstandingArguments:
    """Read a preset: fields of ``UnderstandingArguments``, those left out at their defaults.

    Raises:
        PresetError: there is no such preset, it is no TOML, or it names what is no argument.
    """
    path = folder / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PresetError(
            f"there is no preset {name!r}: name one of {', '.join(names(folder)) or 'none yet'}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PresetError(f"{path}: is no TOML: {error}") from error
    try:
        return changed(UnderstandingArguments(), content)
    except PresetError as error:
        raise PresetError(f"{path}: {error}") from error


def overridden(arguments: UnderstandingArguments, overrides: Iterable[str]) -> UnderstandingArguments:
    """Change arguments by ``key=value`` texts, the value as in TOML; a text needs no quotes.

    Raises:
        PresetError: one of them is not so written, or no argument, or of a wrong type.
    """
    values: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise PresetError(f"{text!r} is no KEY=VALUE, as learning_rate=5e-5")
        values[key.strip()] = _value(value.strip())
    return changed(arguments, values)


def changed(arguments: UnderstandingArguments, values: Mapping[str, Any]) -> UnderstandingArguments:
    """Give the arguments with other values, each checked against the field's type.

    Raises:
        PresetError: naming the key that is no argument, or whose value cannot be.
    """
    types = get_type_hints(UnderstandingArguments)
    known = [field.name for field in fields(UnderstandingArguments)]
    unknown = [name for name in values if name not in known]
    if unknown:
        named = ", ".join(repr(name) for name in unknown)
        raise PresetError(f"no such argument: {named}; there are {', '.join(known)}")
    fitted = {name: _fitted(name, value, types[name]) for name, value in values.items()}
    try:
        return UnderstandingArguments.of(asdict(arguments) | fitted)
    except ValueError as error:
        raise PresetError(str(error)) from error


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _fitted(name: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise PresetError(f"{name} is {value!r}: it must be one of {', '.join(get_args(kind))}")
        return value
    if kind is float and type(value) is int:
        return float(value)
    # A bool is an int for Python, but 1 is not meant by true.
    if type(value) is not kind:
        words = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
        raise PresetError(f"{name} is {value!r}: it must be {words.get(kind, kind)}")
    return value
