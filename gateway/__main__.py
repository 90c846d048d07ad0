"""Runs the gateway: ``python -m gateway``."""

from gateway.composition import compose
from gateway.settings import GatewaySettings
from services.serving.run import run
from services.serving.server import serve


async def main(settings: GatewaySettings) -> None:
    """Serve until told to stop."""
    gateway = compose(settings)
    await serve(
        settings,
        gateway.registrations,
        ready=gateway.store.is_ready,
        close=gateway.close,
        authenticate=gateway.credentials.authenticate,
        interceptors=gateway.interceptors,
    )


if __name__ == "__main__":
    run(main, GatewaySettings)
