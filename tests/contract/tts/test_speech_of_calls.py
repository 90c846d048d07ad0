"""What a live call needs of speech: Opus, a start before the sentence ends, no wait for what was said."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import av
import grpc
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from frontdesk.tts.v1 import tts_pb2
from prometheus_client import CollectorRegistry, generate_latest

from services.inference.port import Tensors
from services.tts.metrics import SpeechCacheCollector
from services.tts.model import TTS_EN, TTS_ZH
from services.tts.speech_cache import SpeechCache
from tests.contract.tts.speaking import CONFIG, Request, reason, registration, said, stream, stub, synthesize
from tests.fakes.inference import FakeInference
from tests.fakes.speech import SAMPLES_A_CHARACTER
from tests.harness.grpc_server import Served, serving

OPUS = tts_pb2.OutputFormat(encoding=tts_pb2.OUTPUT_ENCODING_OPUS)
OPUS_CONFIG = Request(config=tts_pb2.StreamingSynthesisConfig(format=OPUS))


def decoded_samples(packet: bytes, decoder: AudioCodecContext) -> int:
    return sum(frame.samples for frame in decoder.decode(av.Packet(packet)))


async def test_opus_comes_packet_by_packet(served: Served) -> None:
    text = "Your order has left. It comes tomorrow."
    responses = await stream(served, OPUS_CONFIG, Request(text=text))

    assert responses[0].format == tts_pb2.OutputFormat(
        encoding=tts_pb2.OUTPUT_ENCODING_OPUS, sample_rate_hertz=48_000
    )
    decoder = AudioCodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    assert {decoded_samples(response.audio, decoder) for response in responses} == {960}
    starts = [response.start_offset.ToMilliseconds() for response in responses]
    assert starts == list(range(0, 20 * len(responses), 20))
    plain = await synthesize(served, text)
    assert 20 * len(responses) == pytest.approx(plain.audio_duration.ToMilliseconds(), abs=40)


async def test_opus_without_a_stream_is_refused(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await synthesize(served, "Hello.", format=OPUS)
    assert (caught.value.code(), reason(caught.value)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "ENCODING_NEEDS_STREAM",
    )


async def test_opus_has_one_rate(served: Served) -> None:
    slow = tts_pb2.OutputFormat(encoding=tts_pb2.OUTPUT_ENCODING_OPUS, sample_rate_hertz=16_000)
    config = Request(config=tts_pb2.StreamingSynthesisConfig(format=slow))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream(served, config, Request(text="Hello."))
    assert reason(caught.value) == "SAMPLE_RATE_UNSUPPORTED"


async def test_a_clause_is_heard_before_its_sentence_ends(served: Served, inference: FakeInference) -> None:
    call = stub(served).StreamingSynthesize(timeout=5)
    await call.write(CONFIG)
    await call.write(Request(text="You can return it within 30 days, as"))

    clause = "You can return it within thirty days,"
    first = await call.read()
    assert said(inference) == [("tts_en", "heart", clause)]
    assert len(first.audio) == 2 * (len(clause) - 1) * SAMPLES_A_CHARACTER  # the comma hums nothing
    await call.write(Request(text=" long as it is unused."))
    await call.done_writing()
    rest = [chunk async for chunk in call]
    assert said(inference)[1:] == [("tts_en", "heart", "as long as it is unused.")]
    pause = 2_880  # 0.12 s, a sentence's is longer
    assert sum(len(chunk.audio) for chunk in rest) == 2 * (
        pause + len("as long as it is unused.") * SAMPLES_A_CHARACTER
    )


async def test_what_is_said_again_does_not_reach_the_model(served: Served, inference: FakeInference) -> None:
    first = await synthesize(served, "How can I help you?")
    await synthesize(served, "How can I help you?")
    assert len(inference.calls) == 2
    third = await synthesize(served, "How can I help you?")
    assert len(inference.calls) == 2
    assert third.audio == first.audio

    fields: dict[str, Any] = {"format": tts_pb2.OutputFormat(encoding=tts_pb2.OUTPUT_ENCODING_MULAW)}
    assert (await synthesize(served, "How can I help you?", **fields)).audio
    assert len(inference.calls) == 2  # one entry for all codings
    faster = tts_pb2.VoiceConfig(speaking_rate=1.2)
    await synthesize(served, "How can I help you?", voice=faster)
    assert len(inference.calls) == 3


async def test_tenants_do_not_share_what_was_said(inference: FakeInference) -> None:
    registered = registration(inference)
    for tenant in ("one", "other"):
        async with serving([registered], tenant=tenant) as served:
            for _ in range(3):
                await synthesize(served, "How can I help you?")
    assert len(inference.calls) == 4


async def test_speech_that_was_broken_off_is_not_kept() -> None:
    goes_on = asyncio.Event()

    async def halting(inputs: Tensors) -> AsyncIterator[Tensors]:
        yield {"audio": np.zeros(240, np.float32)}
        await goes_on.wait()
        yield {"audio": np.zeros(480, np.float32)}

    inference = FakeInference({TTS_EN.name: halting, TTS_ZH.name: halting})
    async with serving([registration(inference)]) as served:
        for _ in range(3):
            call = stub(served).StreamingSynthesize(iter([CONFIG, Request(text="Hello.")]), timeout=5)
            assert len((await call.read()).audio) == 480
            call.cancel()
        goes_on.set()
        for _ in range(3):
            assert len((await synthesize(served, "Hello.")).audio) == 2 * 720
    assert len(inference.calls) == 4  # the first that was spoken to its end is kept


def test_metrics_tell_how_often_speech_was_there() -> None:
    registry = CollectorRegistry()
    cache = SpeechCache(max_bytes=1_000, max_characters=10)
    registry.register(SpeechCacheCollector(cache))
    cache.hits, cache.misses, cache.bytes = 3, 2, 500
    exposed = generate_latest(registry).decode()
    assert 'frontdesk_tts_speech_cache_requests_total{result="hit"} 3.0' in exposed
    assert 'frontdesk_tts_speech_cache_requests_total{result="miss"} 2.0' in exposed
    assert "frontdesk_tts_speech_cache_bytes 500.0" in exposed
