"""What serving costs: ``python -m tests.load.text_throughput``.

Embeds the shop's example utterances through the text service and Triton, 16
requests at a time, and in a bare loop over ONNX Runtime: the same model, the
same tensors (those that the service sends to Triton, recorded beforehand), the
same number of threads, in turns of a few seconds within the same run. Writes
build/bench/text_throughput.json; the ratio is to be 0.85 or more.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import onnxruntime
import uvloop
import yaml
from frontdesk.text.v1 import text_pb2, text_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.inference.port import Tensors
from services.serving.tokens import TokenMinter, new_key_pair
from services.text.encoder import InputType, TextEncoder
from services.text.model import TEXT_ENCODER, WIDTH
from services.text.tokenizer import HuggingFaceTokenizer
from services.triton.local_server import LocalTriton
from tests.fakes.inference import FakeInference
from tests.harness.grpc_server import bearer
from tests.harness.suite import BUILD, ROOT
from tests.harness.triton import free_ports
from tests.load.report import percentiles, write_report

CONCURRENCY = 16
MODEL = BUILD / "model_repository" / TEXT_ENCODER.name / "1"


def requests(texts_a_request: int, count: int) -> list[list[str]]:
    """Return requests of example utterances in both languages, shuffled, the same ones each time."""
    utterances: list[str] = []
    for path in sorted((ROOT / "domains" / "shop" / "intents").glob("*.yaml")):
        for examples in yaml.safe_load(path.read_text(encoding="utf-8"))["examples"].values():
            utterances += examples
    chosen = np.random.default_rng(0).choice(np.array(utterances), (count, texts_a_request))
    return [[str(text) for text in row] for row in chosen]


async def recorded_tensors(batches: Sequence[Sequence[str]]) -> list[Tensors]:
    """Return what the service sends to Triton for these requests."""

    def answer(inputs: Tensors) -> Tensors:
        return {"sentence": np.zeros((len(inputs["input_ids"]), WIDTH), np.float32)}

    inference = FakeInference({TEXT_ENCODER.name: answer})
    encoder = TextEncoder(HuggingFaceTokenizer(MODEL / "tokenizer.json"), inference)
    for texts in batches:
        await encoder.embed(texts, InputType.QUERY, timeout_seconds=60)
    return [inputs for _, inputs in inference.calls]


class BareLoop:
    """ONNX Runtime alone, with the options that the backend uses."""

    def __init__(self, tensors: Sequence[Tensors]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = TEXT_ENCODER.cpu_threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            MODEL / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._tensors = tensors
        self._next = 0

    def run(self, seconds: float) -> float:
        """Encode for about ``seconds`` and return texts a second."""
        texts = 0
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds:
            inputs = self._tensors[self._next % len(self._tensors)]
            self._session.run(["sentence"], dict(inputs))
            texts += len(inputs["input_ids"])
            self._next += 1
        return texts / elapsed


class Served:
    """The text service, asked by ``CONCURRENCY`` callers at once."""

    def __init__(
        self, channel: grpc.aio.Channel, minter: TokenMinter, batches: Sequence[Sequence[str]]
    ) -> None:
        self._stub = text_pb2_grpc.TextServiceStub(channel)
        self._minter = minter
        self._requests = [
            text_pb2.EmbedTextsRequest(texts=texts, input_type=text_pb2.INPUT_TYPE_QUERY) for texts in batches
        ]
        self._next = 0
        self.seconds: list[float] = []

    async def run(self, seconds: float) -> float:
        """Embed for about ``seconds`` and return texts a second; all that began is waited for."""
        metadata = bearer(self._minter.mint("demo", "gateway"))
        began = time.perf_counter()
        texts = 0

        async def caller() -> None:
            nonlocal texts
            while (started := time.perf_counter()) - began < seconds:
                request = self._requests[self._next % len(self._requests)]
                self._next += 1
                response = await self._stub.EmbedTexts(request, timeout=60, metadata=metadata)
                texts += len(response.embeddings)
                self.seconds.append(time.perf_counter() - started)

        await asyncio.gather(*(caller() for _ in range(CONCURRENCY)))
        return texts / (time.perf_counter() - began)


@asynccontextmanager
async def text_service(triton_url: str, folder: Path) -> AsyncIterator[tuple[grpc.aio.Channel, TokenMinter]]:
    """Run the service as its own process, as it always runs."""
    private_key, public_key = new_key_pair()
    (folder / "public.pem").write_bytes(public_key)
    port = free_ports()["grpc_port"]
    environment = {
        **os.environ,
        "FRONTDESK_TOKEN_PUBLIC_KEY_FILE": str(folder / "public.pem"),
        "FRONTDESK_TEXT_PORT": str(port),
        "FRONTDESK_TEXT_METRICS_PORT": "0",
        "FRONTDESK_TEXT_TRITON_URL": triton_url,
        "FRONTDESK_TEXT_TOKENIZER": str(MODEL / "tokenizer.json"),
        "FRONTDESK_LOG_LEVEL": "warning",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.text", env=environment, cwd=ROOT
    )
    try:
        options = [("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="frontdesk.text.v1.TextService")
            async with asyncio.timeout(30):
                while True:
                    try:
                        response = await health.Check(request, timeout=5, wait_for_ready=True)
                    except grpc.aio.AioRpcError:
                        continue
                    if response.status == health_pb2.HealthCheckResponse.SERVING:
                        break
                    await asyncio.sleep(0.1)
            yield channel, TokenMinter(private_key)
    finally:
        process.terminate()
        await process.wait()


async def main() -> None:
    """Measure both in turns and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=32, help="texts of a request (default 32)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn")
    arguments = parser.parse_args()
    batches = requests(arguments.texts, 64)
    tensors = await recorded_tensors(batches)
    bare = BareLoop(tensors)
    with TemporaryDirectory() as name:
        folder = Path(name)
        triton = LocalTriton(
            BUILD / "model_repository", **free_ports(), log_file=folder / "log", models=[TEXT_ENCODER.name]
        )
        with triton:
            async with text_service(triton.url, folder) as (channel, minter):
                served = Served(channel, minter, batches)
                await served.run(2.0)
                bare.run(1.0)
                served.seconds.clear()
                rates: dict[str, list[float]] = {"served": [], "bare": []}
                for _ in range(arguments.rounds):
                    rates["bare"].append(bare.run(arguments.seconds))
                    rates["served"].append(await served.run(arguments.seconds))
    medians = {what: statistics.median(values) for what, values in rates.items()}
    write_report(
        "text_throughput",
        {
            "concurrency": CONCURRENCY,
            "texts_a_request": arguments.texts,
            "threads": TEXT_ENCODER.cpu_threads,
            "tokens_a_text": round(
                sum(int(inputs["attention_mask"].sum()) for inputs in tensors)
                / len(batches)
                / arguments.texts,
                1,
            ),
            "served_texts_a_second": round(medians["served"], 1),
            "bare_texts_a_second": round(medians["bare"], 1),
            "ratio": round(medians["served"] / medians["bare"], 3),
            "ratio_of_each_round": [
                round(served_rate / bare_rate, 3)
                for served_rate, bare_rate in zip(rates["served"], rates["bare"], strict=True)
            ],
            "request": percentiles(served.seconds),
        },
    )


if __name__ == "__main__":
    uvloop.run(main())
