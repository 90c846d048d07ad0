"""TtsService on a real socket, with models that hum."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from frontdesk.tts.v1 import tts_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from services.inference.port import Tensors
from services.serving.errors import Unavailable
from services.tts.model import TTS_EN, TTS_ZH
from tests.contract.conformance import Check, Peer, conformance
from tests.contract.tts.speaking import (
    CONFIG,
    SERVICE,
    Request,
    reason,
    registration,
    said,
    stream,
    stub,
    synthesize,
)
from tests.fakes.inference import FakeInference
from tests.fakes.speech import SAMPLES_A_CHARACTER
from tests.harness.grpc_server import Served, serving

UNHEARD_OF: Any = 99
GOOD: dict[str, list[Message]] = {
    "Synthesize": [tts_pb2.SynthesizeRequest(text="Hello there.")],
    "StreamingSynthesize": [CONFIG, Request(text="Hello "), Request(text="there.")],
    "ListVoices": [tts_pb2.ListVoicesRequest()],
}


@conformance(SERVICE)
async def test_conforms(method: MethodDescriptor, check: Check, served: Served) -> None:
    await check(Peer.of(served), method, GOOD[method.name])


async def test_the_audio_is_as_long_as_it_is_said_to_be(served: Served) -> None:
    response = await synthesize(served, "Hello there.")

    assert response.voice == "heart"
    assert response.format.sample_rate_hertz == 24_000
    assert response.format.encoding == tts_pb2.OUTPUT_ENCODING_LINEAR16
    assert len(response.audio) == 2 * len("Hello there.") * SAMPLES_A_CHARACTER
    assert response.audio_duration.ToMilliseconds() == 10 * len("Hello there.")


async def test_sentences_are_spoken_one_by_one_with_a_pause(served: Served, inference: FakeInference) -> None:
    response = await synthesize(served, "It costs $5. Yes!")

    assert said(inference) == [
        ("tts_en", "heart", "It costs five dollars."),
        ("tts_en", "heart", "Yes!"),
    ]
    characters = len("It costs five dollars.") + len("Yes!")
    assert response.audio_duration.ToMilliseconds() == 10 * characters + 300


async def test_mandarin_has_its_own_voice_and_words(served: Served, inference: FakeInference) -> None:
    response = await synthesize(served, "订单FD-20418，共2件。")

    assert response.voice == "zf_xiaoxiao"
    assert said(inference) == [("tts_zh", "zf_xiaoxiao", "订单 F D，二零四幺八，共两件。")]


async def test_what_the_english_voice_cannot_pronounce_a_mandarin_voice_says(
    served: Served, inference: FakeInference
) -> None:
    await synthesize(served, "Press 确认收货 2 times.", voice=tts_pb2.VoiceConfig(voice="heart"))

    assert said(inference) == [
        ("tts_en", "heart", "Press"),
        ("tts_zh", "zf_xiaoxiao", "确认收货"),
        ("tts_en", "heart", "two times."),
    ]


async def test_voice_and_pace_reach_the_model(served: Served, inference: FakeInference) -> None:
    voice = tts_pb2.VoiceConfig(language_code="en-GB", voice="am_michael", speaking_rate=1.5)
    response = await synthesize(served, "Hello.", voice=voice)

    ((model, inputs),) = inference.calls
    assert (model, response.voice, float(inputs["speed"][0])) == ("tts_zh", "am_michael", 1.5)


async def test_a_wav_can_be_opened(served: Served) -> None:
    wanted = tts_pb2.OutputFormat(encoding=tts_pb2.OUTPUT_ENCODING_WAV, sample_rate_hertz=16_000)
    response = await synthesize(served, "Hello.", format=wanted)

    samples, rate = soundfile.read(io.BytesIO(response.audio))
    assert rate == 16_000
    assert len(samples) == pytest.approx(0.06 * 16_000, abs=1)


async def test_pieces_of_any_size_give_the_same_audio_as_the_whole(served: Served) -> None:
    text = "Your order FD-20418 has left. It comes on March 5, 2026!"
    whole = await synthesize(served, text)
    chunks = await stream(served, CONFIG, *(Request(text=character) for character in text))

    assert b"".join(chunk.audio for chunk in chunks) == whole.audio
    assert chunks[0].format == whole.format
    assert not any(chunk.HasField("format") for chunk in chunks[1:])
    position = 0
    for chunk in chunks:
        assert chunk.start_offset.ToMicroseconds() == pytest.approx(position / 48_000 * 1e6, abs=1)
        position += len(chunk.audio)


async def test_a_sentence_is_heard_before_the_text_ends(served: Served) -> None:
    call = stub(served).StreamingSynthesize(timeout=5)
    await call.write(CONFIG)
    await call.write(Request(text="One sentence. And an"))

    first = await call.read()
    assert len(first.audio) == 2 * len("One sentence.") * SAMPLES_A_CHARACTER
    await call.write(Request(text="other."))
    await call.done_writing()
    rest = [chunk async for chunk in call]
    assert sum(len(chunk.audio) for chunk in rest) == 2 * (7_200 + len("And another.") * SAMPLES_A_CHARACTER)


async def test_a_caller_who_leaves_stops_the_model() -> None:
    stopped = asyncio.Event()

    async def forever(inputs: Tensors) -> AsyncIterator[Tensors]:
        try:
            while True:
                yield {"audio": np.zeros(240, np.float32)}
                await asyncio.sleep(0)
        finally:
            stopped.set()

    inference = FakeInference({TTS_EN.name: forever, TTS_ZH.name: forever})
    async with serving([registration(inference)]) as served:
        call = stub(served).StreamingSynthesize(iter([CONFIG, Request(text="Hello.")]), timeout=5)
        assert (await call.read()).audio
        call.cancel()
        await asyncio.wait_for(stopped.wait(), 2)


@pytest.mark.parametrize("text", ["", "   ", "…?!", "😀👍", "**"])
async def test_nothing_to_say_is_refused(served: Served, text: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await synthesize(served, text)
    assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "TEXT_EMPTY")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream(served, CONFIG, Request(text=text))
    assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "TEXT_EMPTY")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"voice": tts_pb2.VoiceConfig(voice="nobody")}, "VOICE_UNKNOWN"),
        ({"voice": tts_pb2.VoiceConfig(language_code="fr")}, "LANGUAGE_UNKNOWN"),
        ({"voice": tts_pb2.VoiceConfig(language_code="zh", voice="heart")}, "VOICE_LANGUAGE_MISMATCH"),
        ({"voice": tts_pb2.VoiceConfig(speaking_rate=3)}, "SPEAKING_RATE_OUT_OF_RANGE"),
        ({"voice": tts_pb2.VoiceConfig(speaking_rate=float("nan"))}, "SPEAKING_RATE_OUT_OF_RANGE"),
        ({"format": tts_pb2.OutputFormat(sample_rate_hertz=44_100)}, "SAMPLE_RATE_UNSUPPORTED"),
        ({"format": tts_pb2.OutputFormat(encoding=UNHEARD_OF)}, "ENCODING_UNKNOWN"),
    ],
)
async def test_what_cannot_be_done_is_refused(served: Served, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await synthesize(served, "Hello.", **fields)
    assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


@pytest.mark.parametrize(
    ("voice", "expected"),
    [
        (tts_pb2.VoiceConfig(voice="nobody"), "VOICE_UNKNOWN"),
        (tts_pb2.VoiceConfig(language_code="fr"), "LANGUAGE_UNKNOWN"),
        (tts_pb2.VoiceConfig(speaking_rate=3), "SPEAKING_RATE_OUT_OF_RANGE"),
    ],
)
async def test_a_stream_is_refused_before_its_text_comes(
    served: Served, voice: tts_pb2.VoiceConfig, expected: str
) -> None:
    call = stub(served).StreamingSynthesize(timeout=5)
    await call.write(Request(config=tts_pb2.StreamingSynthesisConfig(voice=voice)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


async def test_too_much_text_is_refused(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await synthesize(served, "a" * 201)
    assert (caught.value.code(), reason(caught.value)) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TEXT_TOO_LONG",
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream(served, CONFIG, *(Request(text="abcdefghij ") for _ in range(20)))
    assert reason(caught.value) == "TEXT_TOO_LONG"


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ((), "CONFIG_EXPECTED"),
        ((Request(text="Hello."),), "CONFIG_EXPECTED"),
        ((CONFIG, CONFIG), "TEXT_EXPECTED"),
        ((CONFIG, Request(text="Hello. "), CONFIG), "TEXT_EXPECTED"),
    ],
)
async def test_a_stream_out_of_order_is_refused(
    served: Served, requests: tuple[Request, ...], expected: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream(served, *requests)
    assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


async def test_without_triton_it_is_unavailable_and_recovers(
    served: Served, inference: FakeInference
) -> None:
    inference.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "Triton does not answer")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await synthesize(served, "Hello.")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    inference.fail_with = None
    assert (await synthesize(served, "Hello.")).audio


async def test_voices_are_listed_with_one_default_a_language(served: Served) -> None:
    voices = (await stub(served).ListVoices(tts_pb2.ListVoicesRequest(), timeout=5)).voices

    assert [(voice.language_code, voice.name) for voice in voices] == sorted(
        (voice.language_code, voice.name) for voice in voices
    )
    assert [voice.name for voice in voices if voice.default] == ["heart", "zf_xiaoxiao"]
    mandarin = (
        await stub(served).ListVoices(tts_pb2.ListVoicesRequest(language_code="zh-CN"), timeout=5)
    ).voices
    assert {voice.language_code for voice in mandarin} == {"zh"}
    assert len(mandarin) >= 2
