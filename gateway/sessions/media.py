"""Customers' and answers' media as files: ``<root>/<tenant>/<first two digits>/<SHA-256>``."""

import asyncio
import hashlib
import os
import re
import secrets
from pathlib import Path

from services.serving.errors import NotFound

_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileMediaStore:
    """A ``MediaStore`` on a file system. A file is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, tenant: str, content: bytes) -> str:
        """Store the bytes durably and return their SHA-256."""
        return await asyncio.to_thread(self._put, tenant, content)

    async def get(self, tenant: str, sha256: str) -> bytes:
        """Return stored bytes; NotFound where this tenant has none by that hash."""
        try:
            return await asyncio.to_thread(self._path(tenant, sha256).read_bytes)
        except FileNotFoundError as error:
            raise NotFound("MEDIA_NOT_FOUND", f"no medium {sha256} is stored for this tenant") from error

    def _path(self, tenant: str, sha256: str) -> Path:
        if not _TENANT.fullmatch(tenant) or not _SHA256.fullmatch(sha256):
            raise ValueError("media are named by a tenant and a SHA-256 in lower-case hexadecimal")
        return self._root / tenant / sha256[:2] / sha256

    def _put(self, tenant: str, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(tenant, sha256)
        if path.exists():
            return sha256
        new_folders = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{sha256}.{secrets.token_hex(4)}")
        try:
            with partial.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        # A name is durable when its folder is, up to the first that was there before.
        for folder in [path.parent, *(made.parent for made in new_folders)]:
            _sync_folder(folder)
        return sha256


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
