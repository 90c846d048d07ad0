"""Serves registrations on a free port the way ``serve`` does, with keys made for the test."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from prometheus_client import CollectorRegistry

from services.serving.calls import Metadata
from services.serving.interceptors.authentication import Authenticate
from services.serving.readiness import Ready, always_ready
from services.serving.server import Registration, Server, build_server
from services.serving.settings import MEBIBYTE, ServingSettings
from services.serving.tokens import TokenMinter, new_key_pair

# Clients share connections by default, across tests as well.
_CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 64 * MEBIBYTE),
    ("grpc.max_send_message_length", 64 * MEBIBYTE),
)


def bearer(token: str) -> Metadata:
    """Return the metadata that shows a credential."""
    return (("authorization", f"Bearer {token}"),)


def refused_metadata(private_key: bytes) -> dict[str, Metadata]:
    """Return credentials that no service may accept, by what is wrong with them."""
    minter = TokenMinter(private_key)
    header, claims, signature = minter.mint("demo", "gateway").split(".")
    other_claims = minter.mint("other", "gateway").split(".")[1]
    return {
        "missing": (),
        "empty": (("authorization", ""),),
        "another scheme": (("authorization", f"Basic {header}.{claims}.{signature}"),),
        "not a token": bearer("garbage"),
        "expired": bearer(TokenMinter(private_key, lambda: time.time() - 61).mint("demo", "gateway")),
        "signed by another": bearer(TokenMinter(new_key_pair()[0]).mint("demo", "gateway")),
        "claims exchanged": bearer(f"{header}.{other_claims}.{signature}"),
    }


@dataclass(frozen=True)
class Served:
    """A running server: ``channel`` shows the token of ``caller`` by itself, ``bare_channel`` does not."""

    server: Server
    target: str
    channel: grpc.aio.Channel
    bare_channel: grpc.aio.Channel
    metadata: Callable[[], Metadata]
    """A good credential, fresh at each call."""
    refused: dict[str, Metadata]
    """Bad credentials, by what is wrong with them."""
    settings: ServingSettings
    registry: CollectorRegistry = field(repr=False)


@asynccontextmanager
async def serving(
    registrations: Sequence[Registration],
    *,
    tenant: str = "demo",
    role: str = "gateway",
    session_id: str = "",
    ready: Ready = always_ready,
    authenticate: Authenticate | None = None,
    credential: str | None = None,
    interceptors: Sequence[Any] = (),
    drain: Callable[[], None] = lambda: None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve on 127.0.0.1 until left; the environment has no say.

    ``settings`` override ``ServingSettings``. A server with its own
    ``authenticate`` is called with ``credential`` in place of an internal token.
    """
    private_key, public_key = new_key_pair()
    minter = TokenMinter(private_key)

    def metadata() -> Metadata:
        return bearer(credential or minter.mint(tenant, role, session_id))

    with TemporaryDirectory() as folder:
        key_file = Path(folder) / "public.pem"
        key_file.write_bytes(public_key)
        values: dict[str, Any] = {
            "environment": "development",
            "host": "127.0.0.1",
            "port": 0,
            "metrics_port": 0,
        } | settings
        chosen = ServingSettings(token_public_key_file=key_file, **values)
        registry = CollectorRegistry()
        server = build_server(
            chosen,
            registrations,
            ready=ready,
            authenticate=authenticate,
            interceptors=interceptors,
            registry=registry,
            drain=drain,
        )
        await server.start()
        target = f"127.0.0.1:{server.port}"
        try:
            async with (
                grpc.aio.insecure_channel(
                    target, options=_CHANNEL_OPTIONS, interceptors=credential_interceptors(metadata)
                ) as channel,
                grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS) as bare_channel,
            ):
                yield Served(
                    server=server,
                    target=target,
                    channel=channel,
                    bare_channel=bare_channel,
                    metadata=metadata,
                    refused=refused_metadata(private_key),
                    settings=chosen,
                    registry=registry,
                )
        finally:
            await server.drain(0)


def credential_interceptors(metadata: Callable[[], Metadata]) -> list[Any]:
    """Return client interceptors, one for each kind of RPC, that show the credential."""

    def shown(details: Any) -> Any:
        carried = tuple(details.metadata or ())
        return details._replace(metadata=grpc.aio.Metadata(*carried, *metadata()))

    class UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]
        async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return await continuation(shown(details), request)

    class UnaryStream(grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
        async def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
            return await continuation(shown(details), request)

    class StreamUnary(grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[type-arg]
        async def intercept_stream_unary(self, continuation: Any, details: Any, requests: Any) -> Any:
            return await continuation(shown(details), requests)

    class StreamStream(grpc.aio.StreamStreamClientInterceptor):  # type: ignore[type-arg]
        async def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
            return await continuation(shown(details), requests)

    return [UnaryUnary(), UnaryStream(), StreamUnary(), StreamStream()]
