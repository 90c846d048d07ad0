"""Speech for calls, through the service and a real Triton, heard by Whisper on the same Triton."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
import pytest_asyncio
import soundfile
import soxr
from av.audio.codeccontext import AudioCodecContext
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc
from numpy.typing import NDArray

from services.asr.model import ASR_EN
from services.inference.client import TritonClient
from services.serving.server import Registration
from services.serving.settings import MEBIBYTE
from services.triton.local_server import LocalTriton
from services.tts.model import TTS_EN, TTS_ZH
from services.tts.servicer import TtsServicer
from services.tts.speech_cache import SpeechCache
from services.tts.synthesizer import Synthesizer
from services.tts.voices import Catalogue
from tests.harness.grpc_server import serving
from tests.harness.spoken_words import words_of
from tests.harness.suite import BUILD
from tests.harness.triton import free_ports

pytestmark = pytest.mark.integration

Samples = NDArray[np.float32]
Request = tts_pb2.StreamingSynthesizeRequest
SUBTYPES = {
    tts_pb2.OUTPUT_ENCODING_LINEAR16: "PCM_16",
    tts_pb2.OUTPUT_ENCODING_MULAW: "ULAW",
    tts_pb2.OUTPUT_ENCODING_ALAW: "ALAW",
}
WHISPER_RATE = 16_000
SAID = (
    "Your order has been shipped, and it will arrive on Monday. "
    "You can return it as long as it is complete and in its box."
)


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    log = tmp_path_factory.mktemp("triton") / "triton.log"
    models = [spec.name for spec in (TTS_EN, TTS_ZH, ASR_EN)]
    with LocalTriton(BUILD / "model_repository", log_file=Path(log), models=models, **free_ports()) as server:
        yield server


@pytest_asyncio.fixture
async def client(triton: LocalTriton) -> AsyncIterator[TritonClient]:
    connected = TritonClient(triton.url)
    yield connected
    await connected.close()


@pytest_asyncio.fixture
async def stub(client: TritonClient) -> AsyncIterator[Any]:
    catalogue, cache = Catalogue(), SpeechCache(max_bytes=MEBIBYTE, max_characters=200)
    servicer = TtsServicer(Synthesizer(client, catalogue, cache), catalogue, max_text_characters=5_000)
    registration = Registration(
        "frontdesk.tts.v1.TtsService", tts_pb2_grpc.add_TtsServiceServicer_to_server, servicer
    )
    async with serving([registration]) as served:
        yield tts_pb2_grpc.TtsServiceStub(served.channel)


def requests(pieces: Iterable[str], encoding: Any = 0, rate: int = 0) -> Iterator[Request]:
    wanted = tts_pb2.OutputFormat(encoding=encoding, sample_rate_hertz=rate)
    yield Request(config=tts_pb2.StreamingSynthesisConfig(format=wanted))
    for piece in pieces:
        yield Request(text=piece)


async def spoken(stub: Any, pieces: Iterable[str], encoding: Any = 0, rate: int = 0) -> list[bytes]:
    call = stub.StreamingSynthesize(requests(pieces, encoding, rate), timeout=60)
    return [response.audio async for response in call]


def decoded(messages: list[bytes], encoding: Any, rate: int) -> Samples:
    if encoding == tts_pb2.OUTPUT_ENCODING_OPUS:
        codec = AudioCodecContext.create("libopus", "r")
        codec.sample_rate = rate
        codec.layout = "mono"
        frames = [frame.to_ndarray() for message in messages for frame in codec.decode(av.Packet(message))]
        return np.asarray(np.concatenate(frames, axis=1)[0] / 32_768, np.float32)
    samples, _ = soundfile.read(
        io.BytesIO(b"".join(messages)),
        dtype="float32",
        samplerate=rate,
        channels=1,
        format="RAW",
        subtype=SUBTYPES[encoding],
        endian="LITTLE",
    )
    return np.asarray(samples, np.float32)


async def hear(client: TritonClient, samples: Samples, rate: int) -> str:
    inputs = {
        "samples": soxr.resample(samples, rate, WHISPER_RATE).astype(np.float32),
        "language": np.array([b"en"], np.object_),
    }
    heard = await client.infer(ASR_EN, inputs, outputs=["text"], timeout_seconds=60)
    return words_of(str(heard["text"][0].decode()))


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [
        (tts_pb2.OUTPUT_ENCODING_MULAW, 8_000),
        (tts_pb2.OUTPUT_ENCODING_ALAW, 8_000),
        (tts_pb2.OUTPUT_ENCODING_LINEAR16, 8_000),
        (tts_pb2.OUTPUT_ENCODING_MULAW, 16_000),
        (tts_pb2.OUTPUT_ENCODING_ALAW, 16_000),
        (tts_pb2.OUTPUT_ENCODING_MULAW, 48_000),
        (tts_pb2.OUTPUT_ENCODING_ALAW, 48_000),
        (tts_pb2.OUTPUT_ENCODING_OPUS, 48_000),
    ],
)
async def test_what_a_caller_hears_are_the_words(
    stub: Any, client: TritonClient, encoding: Any, rate: int
) -> None:
    samples = decoded(await spoken(stub, [SAID], encoding, rate), encoding, rate)
    assert 6 < samples.size / rate < 12
    assert await hear(client, samples, rate) == words_of(SAID)


async def test_a_sentence_begun_early_sounds_as_it_does_whole(stub: Any, client: TritonClient) -> None:
    text = "You can return it within 30 days, as long as it is complete and in its box."
    whole = decoded(await spoken(stub, [text]), tts_pb2.OUTPUT_ENCODING_LINEAR16, 24_000)
    begun = decoded(await spoken(stub, text), tts_pb2.OUTPUT_ENCODING_LINEAR16, 24_000)
    # The model pauses at the same comma for the same time: not a sample differs.
    np.testing.assert_array_equal(begun, whole)
    heard = await hear(client, begun, 24_000)
    assert "within 30 days as long as it is complete and in its box" in heard


async def test_what_is_said_again_is_the_same_and_at_once(stub: Any) -> None:
    text = ["How can I help you today?"]
    first = await spoken(stub, text)
    assert await spoken(stub, text) == first
    began = time.monotonic()
    assert await spoken(stub, text) == first
    assert time.monotonic() - began < 0.1


async def test_who_hangs_up_stops_the_model_within_a_chunk(stub: Any, triton: LocalTriton) -> None:
    sentence = "我们会尽快处理您的问题，请您耐心等待，谢谢您的理解，"
    began = time.monotonic()
    await spoken(stub, [sentence])
    one = time.monotonic() - began

    call = stub.StreamingSynthesize(requests([sentence * 15]), timeout=120)
    await call.read()
    call.cancel()
    began = time.monotonic()
    while await busy(triton.pid) > 0.1:
        # A chunk is less than a sentence; the text are fifteen.
        assert time.monotonic() - began < 2 * one + 1
    began = time.monotonic()
    await spoken(stub, ["好的。"])
    assert time.monotonic() - began < one + 1


async def busy(pid: int) -> float:
    """Cores that a process and its children use, over a fifth of a second."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    before = sum(sum(process.cpu_times()[:2]) for process in tree)
    await asyncio.sleep(0.2)
    return (sum(sum(process.cpu_times()[:2]) for process in tree) - before) / 0.2
