"""``python -m services.asr``: the speech recognition service."""

import asyncio

from frontdesk.asr.v1 import asr_pb2_grpc

from services.asr.composition import asr_servicer
from services.asr.model import ASR_EN, ASR_MULTILINGUAL
from services.asr.settings import AsrSettings
from services.inference.client import TritonClient
from services.serving.run import run
from services.serving.server import Registration, serve


async def main(settings: AsrSettings) -> None:
    """Wire settings, models, domain and servicer together, and serve."""
    triton = TritonClient(settings.triton_url)

    async def ready() -> bool:
        return all(await asyncio.gather(*(triton.ready(spec) for spec in (ASR_EN, ASR_MULTILINGUAL))))

    registration = Registration(
        "frontdesk.asr.v1.AsrService",
        asr_pb2_grpc.add_AsrServiceServicer_to_server,
        asr_servicer(settings, triton),
    )
    await serve(settings, [registration], ready=ready, close=[triton.close])


if __name__ == "__main__":
    run(main, AsrSettings)
