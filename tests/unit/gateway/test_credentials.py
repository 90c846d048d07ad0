"""API keys become tenants and internal tokens."""

import hashlib
from pathlib import Path

import pytest

from gateway.credentials import Credentials, Tenant, development_tenant, read_tenants
from services.serving.errors import FailedPrecondition, Unauthenticated
from services.serving.tokens import TokenMinter, TokenVerifier, new_key_pair


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


ACME = Tenant("acme", "tools", (sha256("old key"), sha256("new key")))


@pytest.fixture
def keys() -> tuple[bytes, bytes]:
    return new_key_pair()


@pytest.fixture
def credentials(keys: tuple[bytes, bytes]) -> Credentials:
    return Credentials((ACME, Tenant("other", "shop", (sha256("their key"),))), TokenMinter(keys[0]))


@pytest.mark.parametrize(
    ("key", "tenant", "domain"), [("old key", "acme", "tools"), ("their key", "other", "shop")]
)
def test_a_key_is_exchanged_for_its_tenants_token(
    credentials: Credentials, keys: tuple[bytes, bytes], key: str, tenant: str, domain: str
) -> None:
    caller = credentials.authenticate({"authorization": f"Bearer {key}"})
    assert caller.tenant == tenant
    assert credentials.domain(tenant) == domain
    assert key not in repr(caller)
    verified = TokenVerifier(keys[1]).verify(caller.token)
    assert (verified.tenant, verified.role, verified.session_id) == (tenant, "integrator", "")
    in_session = TokenVerifier(keys[1]).verify(credentials.caller(tenant, "s1").token)
    assert in_session.session_id == "s1"


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer no key of ours", "Basic old key"])
def test_any_other_credential_is_refused(credentials: Credentials, value: str | None) -> None:
    with pytest.raises(Unauthenticated):
        credentials.authenticate({} if value is None else {"authorization": value})


@pytest.mark.parametrize(
    "other", [Tenant("acme", "shop", (sha256("third key"),)), Tenant("other", "shop", (sha256("old key"),))]
)
def test_tenants_share_neither_name_nor_key(keys: tuple[bytes, bytes], other: Tenant) -> None:
    with pytest.raises(FailedPrecondition, match="same name or API key"):
        Credentials((ACME, other), TokenMinter(keys[0]))


def test_the_development_tenant_is_read_from_its_key_file(tmp_path: Path) -> None:
    file = tmp_path / "api_key"
    file.write_text("fd_key\n")
    assert development_tenant(file, "shop") == Tenant("demo", "shop", (sha256("fd_key"),))
    file.write_text(" \n")
    with pytest.raises(FailedPrecondition, match="empty"):
        development_tenant(file, "shop")
    with pytest.raises(FailedPrecondition, match="cannot read"):
        development_tenant(tmp_path / "none", "shop")


def test_tenants_are_read_from_toml(tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text(f'[tenants.acme]\ndomain = "tools"\napi_key_sha256 = {list(ACME.api_key_sha256)}')
    assert read_tenants(file) == (ACME,)


@pytest.mark.parametrize(
    "content",
    [
        "not toml",
        "",
        "tenants = 1",
        "[tenants]\nacme = 1",
        "[tenants.acme]\ndomain = 'x'",
        "[tenants.acme]\ndomain = 'x'\napi_key_sha256 = ['my key']",
        "[tenants.'Acme Inc']\ndomain = 'x'\napi_key_sha256 = []",
    ],
)
def test_a_faulty_tenants_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text(content)
    with pytest.raises(FailedPrecondition, match=r"tenants\.toml"):
        read_tenants(file)
