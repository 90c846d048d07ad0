"""What the demo's customers say, type and show: ``demo/demo.yaml`` in a domain's folder."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.cli.context import UsageError

_FIELDS = ("name", "say", "voice", "type", "show")


@dataclass(frozen=True, slots=True)
class DemoTurn:
    """What a customer does in one turn; what is empty is left out.

    ``say`` is spoken in ``voice`` ("": the default one). ``show`` are picture files.
    """

    name: str
    say: str = ""
    voice: str = ""
    type: str = ""
    show: tuple[Path, ...] = ()


def read_script(domain: Path) -> tuple[DemoTurn, ...]:
    """Read the turns of a domain's demo, at least one. UsageError says what is wrong in the file."""
    file = domain / "demo" / "demo.yaml"
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError as error:
        raise UsageError(
            f"{domain} has no demo: write into {file} what its customers ask, as domains/shop does."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    turns = content.get("turns") if isinstance(content, dict) else None
    if not isinstance(turns, list) or not turns:
        raise UsageError(f"{file} has no turns: begin it with `turns:` and a list of them.")
    read = tuple(_turn(file, number, turn) for number, turn in enumerate(turns, 1))
    if len({turn.name for turn in read}) < len(read):
        raise UsageError(f"{file} gives two turns one name: name each differently.")
    return read


def _turn(file: Path, number: int, turn: Any) -> DemoTurn:
    def wrong(what: str) -> UsageError:
        return UsageError(f"{file}, turn {number}: {what}.")

    if not isinstance(turn, dict) or not turn.keys() <= {*_FIELDS}:
        raise wrong(f"a turn has {', '.join(_FIELDS)} and nothing else")
    texts = {key: turn.get(key, "") for key in ("name", "say", "voice", "type")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise wrong("name, say, voice and type are texts")
    if not re.fullmatch(r"[a-z0-9-]{1,40}", texts["name"]):
        raise wrong("name it by a-z, 0-9 and -, 40 at most: its files are called so")
    names = turn.get("show", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise wrong("show is a list of picture files")
    pictures = tuple(file.parent / name for name in names)
    if missing := [path for path in pictures if not path.is_file()]:
        raise wrong(f"there is no file {missing[0]}")
    if not (texts["say"] or texts["type"] or pictures):
        raise wrong("it needs at least one of say, type and show")
    return DemoTurn(**texts, show=pictures)
