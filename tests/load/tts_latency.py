"""``python -m tests.load.tts_latency``: how soon speech is heard, through the service and a real Triton."""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from services.inference.client import TritonClient
from services.serving.server import Registration
from services.triton.local_server import LocalTriton
from services.tts.model import SAMPLE_RATE, TTS_EN, TTS_ZH
from services.tts.servicer import TtsServicer
from services.tts.speech_cache import SpeechCache
from services.tts.synthesizer import Synthesizer
from services.tts.voices import Catalogue
from tests.harness.grpc_server import serving
from tests.harness.suite import BUILD
from tests.harness.triton import free_ports
from tests.load.report import percentiles, write_report

TEXTS = {
    ("en", "short"): "Your order FD-20418 has been shipped.",
    (
        "en",
        "long",
    ): "You can return any item within 30 days of delivery, as long as it is complete and in its box. "
    "Open the order in your account, choose the items, and print the label. "
    "The refund of $39.99 takes 3-5 business days once the parcel has reached us.",
    ("zh", "short"): "您的订单FD-20418已经发货。",
    ("zh", "long"): "您可以在签收后三十天内申请退货，商品需要保持完整，并且带有原包装。"
    "请在账户中打开订单，选择商品，然后打印退货标签。退款¥299会在3-5个工作日内到账。",
}


async def requests(text: str) -> AsyncIterator[tts_pb2.StreamingSynthesizeRequest]:
    yield tts_pb2.StreamingSynthesizeRequest(config=tts_pb2.StreamingSynthesisConfig())
    yield tts_pb2.StreamingSynthesizeRequest(text=text)


async def measure(stub: Any, text: str) -> tuple[float, float, float]:
    """Seconds to the first audio, seconds in all a second of audio, and the longest gap a player hears."""
    began = time.perf_counter()
    first, samples, gap = 0.0, 0, 0.0
    async for chunk in stub.StreamingSynthesize(requests(text), timeout=120):
        now = time.perf_counter() - began
        first = first or now
        gap = max(gap, now - first - samples / SAMPLE_RATE)
        samples += len(chunk.audio) // 2
    return first, (time.perf_counter() - began) / (samples / SAMPLE_RATE), gap


async def run(repeats: int) -> dict[str, Any]:
    """Measure each text ``repeats`` times, one call after the other."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "triton.log"
        models = [TTS_EN.name, TTS_ZH.name]
        with LocalTriton(BUILD / "model_repository", log_file=log, models=models, **free_ports()) as triton:
            client, catalogue = TritonClient(triton.url), Catalogue()
            cache = SpeechCache(max_bytes=0, max_characters=0)
            servicer = TtsServicer(
                Synthesizer(client, catalogue, cache), catalogue, max_text_characters=5_000
            )
            registration = Registration(
                "frontdesk.tts.v1.TtsService", tts_pb2_grpc.add_TtsServiceServicer_to_server, servicer
            )
            async with serving([registration]) as served:
                stub = tts_pb2_grpc.TtsServiceStub(served.channel)
                for (language, length), text in TEXTS.items():
                    await measure(stub, text)
                    runs = [await measure(stub, text) for _ in range(repeats)]
                    figures[f"{language}_{length}"] = {
                        "first_audio": percentiles([first for first, _, _ in runs]),
                        "real_time_factor": round(sorted(factor for _, factor, _ in runs)[repeats // 2], 3),
                        "longest_gap": percentiles([gap for _, _, gap in runs]),
                    }
            await client.close()
    return figures


def main() -> None:
    """Measure and write ``build/bench/tts_latency.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    write_report("tts_latency", asyncio.run(run(parser.parse_args().repeats)))


if __name__ == "__main__":
    main()
