"""A whole gateway on a free port, before services that a test brings along."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.client import FrontdeskClient
from gateway.composition import compose
from gateway.settings import GatewaySettings
from services.serving.interceptors.authentication import Authenticate, by_internal_token
from services.serving.server import Registration
from services.serving.tokens import TokenVerifier, new_key_pair
from tests.harness.grpc_server import Served, serving

API_KEY = "fd_demo"
OTHER_API_KEY = "fd_other"


@dataclass(frozen=True)
class ServedGateway:
    """A running gateway of the tenants "demo" and "other"."""

    served: Served
    authenticate_peers: Authenticate
    """How a further service accepts this gateway's tokens."""

    def client(self, api_key: str = API_KEY, timeout_seconds: float = 10.0) -> FrontdeskClient:
        """Connect as an integrator does. Its calls block: make them in a thread."""
        return FrontdeskClient(self.served.target, api_key, timeout_seconds=timeout_seconds)


@asynccontextmanager
async def serving_gateway(
    folder: Path,
    peers: Sequence[Registration],
    *,
    targets: Mapping[str, str] | None = None,
    gateway_port: int = 0,
    **settings: Any,
) -> AsyncIterator[ServedGateway]:
    """Serve ``peers`` on one port and a gateway before them; its data stay in ``folder``.

    ``targets`` sends calls for a service (``asr``) elsewhere. ``settings`` are the gateway's.
    """
    public_key = _write_keys(folder)
    authenticate = by_internal_token(TokenVerifier(public_key))
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(serving(peers, authenticate=authenticate))
        chosen = {f"{name}_target": peer.target for name in ("asr", "vision", "text", "dialogue", "tts")}
        chosen |= {f"{name}_target": target for name, target in (targets or {}).items()}
        gateway = compose(
            GatewaySettings(
                token_private_key_file=folder / "private.pem",
                api_key_file=folder / "api_key",
                tenants_file=folder / "tenants.toml",
                data_dir=folder / "data",
                **(chosen | settings),
            )
        )
        for close in gateway.close:
            stack.push_async_callback(close)
        served = await stack.enter_async_context(
            serving(
                gateway.registrations,
                ready=gateway.store.is_ready,
                authenticate=gateway.credentials.authenticate,
                credential=API_KEY,
                interceptors=gateway.interceptors,
                drain=gateway.drain,
                port=gateway_port,
            )
        )
        yield ServedGateway(served, authenticate)


def _write_keys(folder: Path) -> bytes:
    private_key, public_key = new_key_pair()
    (folder / "private.pem").write_bytes(private_key)
    (folder / "api_key").write_text(API_KEY)
    digest = hashlib.sha256(OTHER_API_KEY.encode()).hexdigest()
    (folder / "tenants.toml").write_text(
        f'[tenants.other]\ndomain = "tools"\napi_key_sha256 = ["{digest}"]\n'
    )
    return public_key
