"""The files of one version of a model: what describes them, and how versions share them."""

import filecmp
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from training.export import publish
from training.export.versions import CONFIG, MANIFEST, is_whole, read_manifest

_DESCRIBING: Final = (MANIFEST, CONFIG)


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file, but for those that describe the version."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in _data(folder)}


def describe(folder: Path, manifest: Mapping[str, Any], config: str) -> None:
    """Write ``manifest.json``, and the ``config.pbtxt`` with which this version is served."""
    text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)
    for name, content in ((MANIFEST, text), (CONFIG, config)):
        # Never into a file that is there: another version may share it.
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def share(folder: Path, other: Path) -> None:
    """Let ``folder`` share the files that are the same in ``other``, so that they take space once."""
    for path in _data(folder):
        kept = other / path.relative_to(folder)
        if kept.is_file() and not kept.samefile(path) and filecmp.cmp(path, kept, shallow=False):
            path.unlink()
            publish.link(kept, path)


def equal(folder: Path, other: Path, config: str) -> bool:
    """Whether ``other`` has the same files, and ``config`` as its configuration."""
    try:
        same = sizes(folder) == sizes(other) and (other / CONFIG).read_text(encoding="utf-8") == config
    except OSError:
        return False
    return same and all(
        filecmp.cmp(path, other / path.relative_to(folder), shallow=False) for path in _data(folder)
    )


def can_be_served(folder: Path) -> bool:
    """Whether a version is whole and has its configuration with it."""
    return (folder / CONFIG).is_file() and is_whole(folder, str(read_manifest(folder).get("key")))


def _data(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not (path.parent == folder and path.name in _DESCRIBING):
            yield path
