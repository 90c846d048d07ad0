"""Internal tokens: what the gateway hands to the services in place of a caller's credential.

An Ed25519-signed JSON Web Token (RFC 7519, algorithm EdDSA of RFC 8037) that
lives for a minute. Only the gateway has the private key.
"""

import time
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from services.serving.errors import Unauthenticated
from services.serving.identity import Caller

AUDIENCE = "frontdesk-internal"
LIFETIME_SECONDS = 60

Clock = Callable[[], float]
"""Seconds since 1970."""


def new_key_pair() -> tuple[bytes, bytes]:
    """Make a private and a public key for internal tokens, as PEM."""
    key = Ed25519PrivateKey.generate()
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


class TokenMinter:
    """Signs tokens. Raises ``ValueError`` when the PEM holds no Ed25519 private key."""

    def __init__(self, private_key_pem: bytes, clock: Clock = time.time) -> None:
        key = load_pem_private_key(private_key_pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the key for internal tokens is not an Ed25519 private key")
        self._key = key
        self._clock = clock

    def mint(self, tenant: str, role: str, session_id: str = "") -> str:
        """Return a token that is valid for the next minute."""
        now = int(self._clock())
        claims = {
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "tenant": tenant,
            "role": role,
            "session": session_id,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA")


class TokenVerifier:
    """Checks tokens. Raises ``ValueError`` when the PEM holds no Ed25519 public key."""

    def __init__(self, public_key_pem: bytes, clock: Clock = time.time) -> None:
        key = load_pem_public_key(public_key_pem)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the key for internal tokens is not an Ed25519 public key")
        self._key = key
        self._clock = clock

    def verify(self, token: str) -> Caller:
        """Return the caller whom the token names.

        Raises ``Unauthenticated`` with reason TOKEN_INVALID (not a token, signed
        by another, for another audience, claims missing) or TOKEN_EXPIRED.
        """
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                # Expiry is checked below, by the injected clock.
                options={"require": ["aud", "iat", "exp"], "verify_exp": False, "verify_iat": False},
            )
            expires = int(claims["exp"])
            tenant, role, session_id = (str(claims[name]) for name in ("tenant", "role", "session"))
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            raise Unauthenticated(
                "TOKEN_INVALID", "the internal token is not valid: call through the gateway"
            ) from error
        if expires <= self._clock():
            raise Unauthenticated("TOKEN_EXPIRED", "the internal token has expired: get a new one")
        return Caller(tenant=tenant, role=role, session_id=session_id, token=token)
