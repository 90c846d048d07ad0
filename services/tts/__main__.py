"""``python -m services.tts``: the speech service."""

import asyncio

from frontdesk.tts.v1 import tts_pb2_grpc
from prometheus_client import CollectorRegistry

from services.inference.client import TritonClient
from services.serving.run import run
from services.serving.server import Registration, serve
from services.tts.metrics import SpeechCacheCollector
from services.tts.servicer import TtsServicer
from services.tts.settings import TtsSettings
from services.tts.speech_cache import SpeechCache
from services.tts.synthesizer import Synthesizer
from services.tts.voices import Catalogue


async def main(settings: TtsSettings) -> None:
    """Wire settings, models, domain and servicer together, and serve."""
    triton = TritonClient(settings.triton_url)
    catalogue = Catalogue()
    cache = SpeechCache(max_bytes=settings.cache_max_bytes, max_characters=settings.cache_max_characters)
    servicer = TtsServicer(
        Synthesizer(triton, catalogue, cache), catalogue, max_text_characters=settings.max_text_characters
    )
    registry = CollectorRegistry()
    registry.register(SpeechCacheCollector(cache))

    async def ready() -> bool:
        return all(await asyncio.gather(*(triton.ready(model) for model in catalogue.models)))

    registration = Registration(
        "frontdesk.tts.v1.TtsService", tts_pb2_grpc.add_TtsServiceServicer_to_server, servicer
    )
    await serve(settings, [registration], ready=ready, close=[triton.close], registry=registry)


if __name__ == "__main__":
    run(main, TtsSettings)
