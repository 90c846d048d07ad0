"""A process of the shape that every service has, for the tests of how processes start and end."""

from services.serving.run import run
from services.serving.server import serve
from services.serving.settings import ServingSettings
from tests.contract.serving.servicer import Tts, registrations


async def closed() -> None:
    """Say that ``serve`` closes what it was given."""
    print('{"event": "closed"}', flush=True)


async def main(settings: ServingSettings) -> None:
    """Serve the test's servicers."""
    tts = Tts()
    await serve(settings, registrations(tts), close=[closed])


if __name__ == "__main__":
    run(main, ServingSettings)
