"""``python -m services.asr``: the speech recognition service."""

import asyncio

import opencc
from frontdesk.asr.v1 import asr_pb2_grpc

from services.asr.audio import SAMPLE_RATE, AudioDecoder
from services.asr.model import ASR_EN, ASR_MULTILINGUAL
from services.asr.recognizer import Recognizer
from services.asr.servicer import AsrServicer
from services.asr.settings import AsrSettings
from services.asr.transcriber import Transcriber
from services.asr.vad import FRAME_SAMPLES, SileroVad
from services.inference.client import TritonClient
from services.serving.run import run
from services.serving.server import Registration, serve


async def main(settings: AsrSettings) -> None:
    """Wire settings, model, domain and servicer together, and serve."""
    triton = TritonClient(settings.triton_url)
    recognizer = Recognizer(
        inference=triton,
        voice_activity=SileroVad(settings.vad_model),
        frame_seconds=FRAME_SAMPLES / SAMPLE_RATE,
        transcriber=Transcriber(triton, opencc.OpenCC("t2s").convert),
    )
    decoder = AudioDecoder(max_bytes=settings.max_audio_bytes, max_seconds=settings.max_audio_seconds)
    servicer = AsrServicer(decoder, recognizer)

    async def ready() -> bool:
        return all(await asyncio.gather(*(triton.ready(spec) for spec in (ASR_EN, ASR_MULTILINGUAL))))

    registration = Registration(
        "frontdesk.asr.v1.AsrService", asr_pb2_grpc.add_AsrServiceServicer_to_server, servicer
    )
    await serve(settings, [registration], ready=ready, close=[triton.close])


if __name__ == "__main__":
    run(main, AsrSettings)
