"""``python -m tests.load.tts_latency``: how soon speech is heard, through the service and a real Triton."""

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from services.inference.client import TritonClient
from services.serving.server import Registration
from services.serving.settings import MEBIBYTE
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


WORD_SECONDS = 0.05
"""A language model that writes 20 words a second."""


async def requests(text: str, pause_seconds: float) -> AsyncIterator[tts_pb2.StreamingSynthesizeRequest]:
    yield tts_pb2.StreamingSynthesizeRequest(config=tts_pb2.StreamingSynthesisConfig())
    for piece in re.findall(r"\s*\S+", text) if pause_seconds else [text]:
        await asyncio.sleep(pause_seconds)
        yield tts_pb2.StreamingSynthesizeRequest(text=piece)


async def measure(stub: Any, text: str, pause_seconds: float = 0.0) -> tuple[float, float, float]:
    """Seconds to the first audio, seconds in all a second of audio, and the longest gap a player hears."""
    began = time.perf_counter()
    first, samples, gap = 0.0, 0, 0.0
    async for chunk in stub.StreamingSynthesize(requests(text, pause_seconds), timeout=120):
        now = time.perf_counter() - began
        first = first or now
        gap = max(gap, now - first - samples / SAMPLE_RATE)
        samples += len(chunk.audio) // 2
    return first, (time.perf_counter() - began) / (samples / SAMPLE_RATE), gap


async def run(repeats: int, languages: Sequence[str]) -> dict[str, Any]:
    """Measure each text ``repeats`` times, one call after the other."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "triton.log"
        models = [TTS_EN.name, TTS_ZH.name]
        with LocalTriton(BUILD / "model_repository", log_file=log, models=models, **free_ports()) as triton:
            client = TritonClient(triton.url)
            for (language, length), text in TEXTS.items():
                if language not in languages:
                    continue
                name = f"{language}_{length}"
                figures[name] = await figures_of(client, text, repeats)
                figures[f"{name}_kept"] = await figures_of(client, text, repeats, cache_bytes=MEBIBYTE * 32)
                if (language, length) == ("en", "long"):
                    figures[f"{name}_written"] = await figures_of(client, text, repeats, WORD_SECONDS)
            await client.close()
    return figures


async def figures_of(
    client: TritonClient, text: str, repeats: int, pause_seconds: float = 0.0, cache_bytes: int = 0
) -> dict[str, Any]:
    """Figures of one text; with ``cache_bytes`` of one that was said twice already."""
    catalogue, cache = Catalogue(), SpeechCache(max_bytes=cache_bytes, max_characters=1_000)
    servicer = TtsServicer(Synthesizer(client, catalogue, cache), catalogue, max_text_characters=5_000)
    registration = Registration(
        "frontdesk.tts.v1.TtsService", tts_pb2_grpc.add_TtsServiceServicer_to_server, servicer
    )
    async with serving([registration]) as served:
        stub = tts_pb2_grpc.TtsServiceStub(served.channel)
        for _ in range(2):
            await measure(stub, text, pause_seconds)
        runs = [await measure(stub, text, pause_seconds) for _ in range(repeats)]
    return {
        "first_audio": percentiles([first for first, _, _ in runs]),
        "real_time_factor": round(sorted(factor for _, factor, _ in runs)[repeats // 2], 3),
        "longest_gap": percentiles([gap for _, _, gap in runs]),
    }


def main() -> None:
    """Measure and write ``build/bench/tts_latency.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--languages", nargs="+", choices=("en", "zh"), default=("en", "zh"))
    arguments = parser.parse_args()
    write_report("tts_latency", asyncio.run(run(arguments.repeats, arguments.languages)))


if __name__ == "__main__":
    main()
