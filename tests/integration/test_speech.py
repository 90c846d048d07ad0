"""Speech on a real Triton, heard by Whisper on the same Triton: what was written must come back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soxr
from numpy.typing import NDArray

from services.asr.model import ASR_EN, ASR_MULTILINGUAL
from services.inference.client import TritonClient
from services.serving.errors import InvalidArgument
from services.triton.local_server import LocalTriton
from services.tts.model import SAMPLE_RATE, TTS_EN, TTS_ZH
from services.tts.speech_cache import SpeechCache
from services.tts.synthesizer import Style, Synthesizer
from services.tts.voices import VOICES, Catalogue, Voice
from tests.harness.spoken_words import character_error_rate, words_of
from tests.harness.suite import BUILD
from tests.harness.triton import free_ports

pytestmark = pytest.mark.integration

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    log = tmp_path_factory.mktemp("triton") / "triton.log"
    models = [spec.name for spec in (TTS_EN, TTS_ZH, ASR_EN, ASR_MULTILINGUAL)]
    with LocalTriton(BUILD / "model_repository", log_file=Path(log), models=models, **free_ports()) as server:
        yield server


@pytest_asyncio.fixture
async def client(triton: LocalTriton) -> AsyncIterator[TritonClient]:
    connected = TritonClient(triton.url)
    yield connected
    await connected.close()


def voice(name: str) -> Voice:
    return next(voice for voice in VOICES if voice.name == name)


async def speak(client: TritonClient, text: str, name: str, speed: float = 1.0) -> Samples:
    async def pieces() -> AsyncIterator[str]:
        yield text

    synthesizer = Synthesizer(client, Catalogue(), SpeechCache(max_bytes=0, max_characters=0))
    speech = synthesizer.speak(pieces(), Style(voice(name), speed), timeout_seconds=60)
    return np.concatenate([chunk async for chunk in speech])


async def hear(client: TritonClient, samples: Samples, language: str) -> str:
    spec = ASR_EN if language == "en" else ASR_MULTILINGUAL
    inputs = {
        "samples": soxr.resample(samples, SAMPLE_RATE, 16_000).astype(np.float32),
        "language": np.array([language.encode()], np.object_),
    }
    heard = await client.infer(spec, inputs, outputs=["text"], timeout_seconds=60)
    return str(heard["text"][0].decode())


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Your order FD-20418 has been shipped.", ["fd", "20418", "shipped"]),
        ("It will arrive on March 5, 2026.", ["march", "5", "2026"]),
        ("The total is $39.99, and you save 15%.", ["39", "99", "15"]),
        ("Order number 73915 was returned.", ["73915", "returned"]),
        ("Please call us at 1-800-555-0199.", ["800", "555", "0199"]),
        ("The answer is no.", ["answer", "is", "no"]),
    ],
)
async def test_english_comes_back(client: TritonClient, written: str, heard: list[str]) -> None:
    words = words_of(await hear(client, await speak(client, written, "heart"), "en"))
    for word in heard:
        assert word in words


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("很抱歉，这个问题我不清楚，我为您转接人工客服。", "很抱歉这个问题我不清楚我为您转接人工客服"),
        ("保修期是2年，从您收到商品的那一天开始计算。", "保修期是两年从您收到商品的那一天开始计算"),
        ("请在上午9:00到下午5:30之间拨打400-820-8820。", "请在上午9点整到下午5点30分之间拨打4008208820"),
    ],
)
@pytest.mark.parametrize("name", ["zf_xiaoxiao", "zm_yunxi"])
async def test_mandarin_comes_back(client: TritonClient, name: str, written: str, heard: str) -> None:
    text = await hear(client, await speak(client, written, name), "zh")
    assert character_error_rate(heard, text) <= 0.2


@pytest.mark.parametrize("name", [voice.name for voice in VOICES])
async def test_each_voice_speaks_both_languages_and_is_as_loud(client: TritonClient, name: str) -> None:
    samples = await speak(client, "OK, Wi-Fi. 好的。", name)
    loud = samples[np.abs(samples) > 0.01]
    assert 0.7 < samples.size / SAMPLE_RATE < 5
    assert np.abs(samples).max() <= 1.3
    assert 0.04 < np.sqrt((loud**2).mean()) < 0.3


async def test_pace_changes_the_length(client: TritonClient) -> None:
    slow, fast = [await speak(client, "Where is my order today?", "heart", speed) for speed in (0.7, 1.5)]
    assert slow.size > 1.4 * fast.size


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("heart", "Your order has been shipped, and it will arrive tomorrow."),
        ("zf_xiaoxiao", "您好，请问您的订单号是多少？"),
    ],
)
async def test_chunks_meet_without_clicks(client: TritonClient, name: str, text: str) -> None:
    inputs = {
        "text": np.array([text.encode()], np.object_),
        "voice": np.array([name.encode()], np.object_),
        "speed": np.ones(1, np.float32),
    }
    chunks = [part["audio"] async for part in client.stream(voice(name).model, inputs, timeout_seconds=60)]
    assert len(chunks) > 1
    for before, after in pairwise(chunks):
        inside = np.abs(np.diff(np.concatenate([before[-240:], after[:240]])))
        seam = abs(float(after[0]) - float(before[-1]))
        assert seam <= max(2 * float(np.delete(inside, 239).max()), 0.02)


async def test_an_unknown_voice_is_refused_and_the_next_request_works(client: TritonClient) -> None:
    inputs = {
        "text": np.array([b"Hello."], np.object_),
        "voice": np.array([b"nobody"], np.object_),
        "speed": np.ones(1, np.float32),
    }
    with pytest.raises(InvalidArgument, match="nobody"):
        _ = [part async for part in client.stream(TTS_EN, inputs, timeout_seconds=10)]
    assert (await speak(client, "Hello.", "heart")).size


async def test_a_listener_who_leaves_frees_the_model(client: TritonClient) -> None:
    long = "我们会尽快处理您的问题，请您耐心等待，谢谢您的理解。" * 20
    inputs = {
        "text": np.array([long.encode()], np.object_),
        "voice": np.array([b"zf_xiaoxiao"], np.object_),
        "speed": np.ones(1, np.float32),
    }
    async with aclosing(client.stream(TTS_ZH, inputs, timeout_seconds=60)) as speech:
        await anext(speech)
    began = time.monotonic()
    await asyncio.wait_for(speak(client, "好的。", "zf_xiaoxiao"), 30)
    assert time.monotonic() - began < 20  # the whole text would take minutes
