import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from services.serving.errors import Unauthenticated
from services.serving.tokens import LIFETIME_SECONDS, TokenMinter, TokenVerifier, new_key_pair

PRIVATE, PUBLIC = new_key_pair()
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def reason(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(token)
    return refused.value.reason


def test_a_token_names_its_caller_until_it_expires() -> None:
    clock = Clock()
    token = TokenMinter(PRIVATE, clock).mint("demo", "agent", "session-1")
    verifier = TokenVerifier(PUBLIC, clock)
    caller = verifier.verify(token)
    assert (caller.tenant, caller.role, caller.session_id) == ("demo", "agent", "session-1")
    assert caller.token == token
    clock.now += LIFETIME_SECONDS - 0.001
    verifier.verify(token)
    clock.now += 0.001
    assert reason(verifier, token) == "TOKEN_EXPIRED"


def test_a_caller_does_not_show_its_token() -> None:
    token = TokenMinter(PRIVATE).mint("demo", "agent")
    assert token not in repr(TokenVerifier(PUBLIC).verify(token))


def test_another_keys_token_is_refused() -> None:
    token = TokenMinter(new_key_pair()[0]).mint("demo", "agent")
    assert reason(TokenVerifier(PUBLIC), token) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "someone-else"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"tenant": None},
        {"role": None},
        {"session": None},
    ],
)
def test_claims_must_be_ours(changed: dict[str, object]) -> None:
    claims = {
        "aud": "frontdesk-internal",
        "iat": NOW,
        "exp": NOW + 60,
        "tenant": "demo",
        "role": "agent",
        "session": "",
    } | changed
    key = load_pem_private_key(PRIVATE, None)
    token = jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm="EdDSA")  # type: ignore[arg-type]
    assert reason(TokenVerifier(PUBLIC, Clock()), token) == "TOKEN_INVALID"


def test_no_other_algorithm_is_accepted() -> None:
    claims = {
        "aud": "frontdesk-internal",
        "iat": NOW,
        "exp": NOW + 60,
        "tenant": "demo",
        "role": "",
        "session": "",
    }
    verifier = TokenVerifier(PUBLIC, Clock())
    assert reason(verifier, jwt.encode(claims, key="", algorithm="none")) == "TOKEN_INVALID"
    assert reason(verifier, jwt.encode(claims, key="x" * 32, algorithm="HS256")) == "TOKEN_INVALID"


@given(st.text())
def test_any_text_is_refused_alike(text: str) -> None:
    assert reason(TokenVerifier(PUBLIC), text) == "TOKEN_INVALID"


def test_only_ed25519_keys_are_taken() -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="Ed25519"):
        TokenMinter(private)
    with pytest.raises(ValueError, match="Ed25519"):
        TokenVerifier(public)
