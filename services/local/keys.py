"""The development profile's credentials, made at the first start and kept in the run folder."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from services.serving.tokens import new_key_pair


@dataclass(frozen=True, slots=True)
class DevelopmentKeys:
    """Where the keys lie."""

    token_private: Path
    """PEM; signs internal tokens, for the gateway alone."""
    token_public: Path
    """PEM; verifies internal tokens, for every service."""
    api_key: Path
    """The one tenant's API key, for clients."""


def ensure_keys(folder: Path) -> DevelopmentKeys:
    """Return the keys in ``folder``, making those that are missing, readable by the owner only."""
    keys = DevelopmentKeys(folder / "token_private.pem", folder / "token_public.pem", folder / "api_key")
    folder.mkdir(parents=True, exist_ok=True)
    if not (keys.token_private.exists() and keys.token_public.exists()):
        private, public = new_key_pair()
        _write(keys.token_private, private)
        _write(keys.token_public, public)
    if not keys.api_key.exists():
        _write(keys.api_key, f"fd_{secrets.token_urlsafe(32)}".encode())
    return keys


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".unfinished")  # a start that is killed leaves no half of a key
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(content)
    unfinished.rename(path)
