"""Who calls: established before anything else is read of the request."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from services.serving.errors import Unauthenticated
from services.serving.identity import Caller, set_caller
from services.serving.interceptors.around import Interceptor, Rpc
from services.serving.tokens import TokenVerifier

Authenticate = Callable[[Mapping[str, str]], Caller]
"""Metadata (keys in lower case) to caller; raises ``Unauthenticated``."""


class AuthenticationInterceptor(Interceptor):
    """Sets the caller, or refuses the RPC with UNAUTHENTICATED."""

    def __init__(self, authenticate: Authenticate) -> None:
        self._authenticate = authenticate

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Authenticate and name the tenant in the log's context."""
        caller = self._authenticate(rpc.metadata)
        set_caller(caller)
        structlog.contextvars.bind_contextvars(tenant=caller.tenant)
        yield


def bearer_token(metadata: Mapping[str, str]) -> str:
    """Return the credential of ``authorization: Bearer …``.

    Raises ``Unauthenticated`` (CREDENTIAL_MISSING) when there is none.
    """
    scheme, _, credential = metadata.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthenticated(
            "CREDENTIAL_MISSING", "no credential: send the metadata entry 'authorization: Bearer …'"
        )
    return credential.strip()


def by_internal_token(verifier: TokenVerifier) -> Authenticate:
    """Return how a service authenticates: by the gateway's internal token."""
    return lambda metadata: verifier.verify(bearer_token(metadata))
