"""API keys: who a caller is, and the internal token that the services get instead of the key."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.serving.errors import FailedPrecondition, Unauthenticated
from services.serving.identity import Caller
from services.serving.interceptors.authentication import bearer_token
from services.serving.tokens import TokenMinter

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
ROLE = "integrator"
"""The role of those who hold an API key."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company: its name, the domain of its new sessions, and the SHA-256 of each of its API keys.

    ValueError when one of them is malformed.
    """

    name: str
    domain: str
    api_key_sha256: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the forms."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"tenant {self.name!r}: use 1 to 40 of a-z 0-9 _ -")
        for digest in self.api_key_sha256:
            if not _SHA256.fullmatch(digest):
                raise ValueError(f"tenant {self.name}: an API key's SHA-256 has 64 lower-case hex digits")


class Credentials:
    """The tenants, found by API key. Keys are kept as hashes.

    FailedPrecondition when two tenants share a name or a key: one would see the other's sessions.
    """

    def __init__(self, tenants: tuple[Tenant, ...], minter: TokenMinter) -> None:
        self._domains = {tenant.name: tenant.domain for tenant in tenants}
        self._names = {digest: tenant.name for tenant in tenants for digest in tenant.api_key_sha256}
        if len(self._domains) + len(self._names) < sum(1 + len(set(t.api_key_sha256)) for t in tenants):
            raise FailedPrecondition(
                "TENANTS_AMBIGUOUS", "two tenants have the same name or API key: give each its own"
            )
        self._minter = minter

    def authenticate(self, metadata: Mapping[str, str]) -> Caller:
        """Exchange ``authorization: Bearer <API key>`` for a caller with an internal token.

        Unauthenticated (CREDENTIAL_MISSING, API_KEY_UNKNOWN) otherwise.
        """
        tenant = self._names.get(_sha256(bearer_token(metadata).encode()))
        if tenant is None:
            raise Unauthenticated("API_KEY_UNKNOWN", "the API key is not known here: check it")
        return self.caller(tenant)

    def caller(self, tenant: str, session_id: str = "") -> Caller:
        """Return the tenant's caller, in a session if one is named."""
        return Caller(tenant, ROLE, session_id, self._minter.mint(tenant, ROLE, session_id))

    def domain(self, tenant: str) -> str:
        """Return the domain that the tenant's new sessions use."""
        return self._domains[tenant]


def development_tenant(api_key_file: Path, domain: str) -> Tenant:
    """Return the tenant "demo", whose key is the file's content. FailedPrecondition without a key."""
    try:
        key = api_key_file.read_text().strip()
    except OSError as error:
        raise FailedPrecondition("API_KEY_UNREADABLE", f"cannot read {api_key_file}: {error}") from error
    if not key:
        raise FailedPrecondition("API_KEY_MISSING", f"{api_key_file} is empty: write an API key into it")
    return Tenant("demo", domain, (_sha256(key.encode()),))


def read_tenants(path: Path) -> tuple[Tenant, ...]:
    """Read ``[tenants.NAME]`` tables of TOML: ``domain``, ``api_key_sha256 = [...]``.

    FailedPrecondition says what is wrong with the file.
    """
    try:
        tables = tomllib.loads(path.read_text())["tenants"]
        return tuple(
            Tenant(name, str(table["domain"]), tuple(table["api_key_sha256"]))
            for name, table in tables.items()
        )
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise FailedPrecondition("TENANTS_UNREADABLE", f"cannot use {path}: {error!r}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
