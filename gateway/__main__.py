"""Runs the gateway: ``python -m gateway``."""

from prometheus_client import CollectorRegistry

from gateway.composition import compose
from gateway.settings import GatewaySettings
from services.serving.run import run
from services.serving.server import serve


async def main(settings: GatewaySettings) -> None:
    """Serve until told to stop."""
    registry = CollectorRegistry()
    gateway = compose(settings, registry)
    await serve(
        settings,
        gateway.registrations,
        ready=gateway.store.is_ready,
        close=gateway.close,
        authenticate=gateway.credentials.authenticate,
        interceptors=gateway.interceptors,
        registry=registry,
        drain=gateway.drain,
    )


if __name__ == "__main__":
    run(main, GatewaySettings)
