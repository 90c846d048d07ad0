"""A domain folder on its way to the service: a ZIP, read without trusting it."""

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from services.dialogue.domain.loader import EVALUATION, is_read
from services.dialogue.domain.problems import BundleError

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """What a bundle may unpack to."""

    entries: int = 5_000
    total_bytes: int = 64 * 1024 * 1024
    entry_bytes: int = 16 * 1024 * 1024
    ratio: int = 200
    """Times that the unpacked bytes may exceed the packed ones, for bundles above 1 MiB unpacked."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Make the bundle of a domain's files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            if name != EVALUATION and is_read(name):
                info = zipfile.ZipInfo(name, date_time=_EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, files[name])
    return buffer.getvalue()


def unpack(bundle: bytes, limits: BundleLimits) -> dict[str, bytes]:
    """Give the files of a bundle by name, in memory; what serving does not read is left out.

    Raises ``BundleError`` for what is no ZIP, holds unsafe names, or exceeds the limits.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            return _read(archive, len(bundle), limits)
    # What the standard library raises for archives that are broken in different places.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
    ) as e:
        raise BundleError("the bundle is not a readable ZIP: pack the domain folder anew") from e


def _read(archive: zipfile.ZipFile, packed_bytes: int, limits: BundleLimits) -> dict[str, bytes]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > limits.entries:
        raise BundleError(f"the bundle has {len(entries)} files: {limits.entries} at most")
    allowed = min(limits.total_bytes, max(1024 * 1024, packed_bytes * limits.ratio))
    files: dict[str, bytes] = {}
    total = 0
    for entry in entries:
        name = entry.filename
        path = PurePosixPath(name)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        unsafe = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or str(path) != name
        if unsafe or kind not in (0, stat.S_IFREG):
            raise BundleError(
                "the bundle holds a file with an unsafe name or kind: pack the folder's own files only"
            )
        if name in files:
            raise BundleError("the bundle holds a file twice: pack the domain folder anew")
        with archive.open(entry) as source:
            # One byte more than allowed: the size that the archive claims is not believed.
            content = source.read(min(limits.entry_bytes, allowed - total) + 1)
        total += len(content)
        if len(content) > limits.entry_bytes or total > allowed:
            raise BundleError(
                f"the bundle unpacks to more than {allowed} bytes or a file to {limits.entry_bytes}"
            )
        if is_read(name) and name != EVALUATION:
            files[name] = content
    return files
