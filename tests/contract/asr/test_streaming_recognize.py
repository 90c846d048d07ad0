"""StreamingRecognize on the wire: a real server, real voice of a world where loud is speech."""

import asyncio
import io
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE, AudioDecoder
from services.asr.recognizer import Recognizer
from services.asr.servicer import AsrServicer
from services.asr.transcriber import Transcriber
from services.serving import status
from services.serving.errors import Unavailable
from services.serving.server import Registration
from tests.contract.asr.test_recognize import SERVICE, STREAM, frames
from tests.fakes.hearing import FRAME, Hearing, decode, sound
from tests.fakes.inference import FakeInference
from tests.harness.gateway import serving_gateway
from tests.harness.grpc_server import Served, serving
from tests.unit.asr.test_recognizer import loud_is_speech

Request = asr_pb2.StreamingRecognizeRequest
UTTERANCE = sound((0.5, 0), (1.5, 0.5), (1.2, 0))


@pytest.fixture
def inference() -> FakeInference:
    models: Any = {"asr_en": decode, "asr_multilingual": decode, "acoustic": frames}
    return FakeInference(models, {"acoustic": {"manifest": '{"version": 1}'}})


def registration(inference: FakeInference) -> Registration:
    recognizer = Recognizer(inference, loud_is_speech, FRAME / SAMPLE_RATE, Transcriber(inference, str))
    decoder = AudioDecoder(max_bytes=1 << 20, max_seconds=20.0)
    servicer = AsrServicer(decoder, recognizer, Hearing(inference, most_streams=2).live())
    add = asr_pb2_grpc.add_AsrServiceServicer_to_server
    return Registration(SERVICE.full_name, add, servicer)


@pytest.fixture
async def served(inference: FakeInference) -> AsyncIterator[Served]:
    async with serving([registration(inference)]) as running:
        yield running


def config(**changes: Any) -> Request:
    message = asr_pb2.StreamingRecognitionConfig()
    message.CopyFrom(STREAM)
    message.MergeFrom(asr_pb2.StreamingRecognitionConfig(**changes))
    return Request(config=message)


def linear16(samples: NDArray[np.float32], size: int = 320) -> list[Request]:
    whole = np.round(samples * 32_767).astype("<i2")
    return [Request(audio=whole[at : at + size].tobytes()) for at in range(0, len(whole), size)]


def open_stream(served: Served, requests: AsyncIterator[Request]) -> Any:
    return asr_pb2_grpc.AsrServiceStub(served.channel).StreamingRecognize(requests)


async def recognize(served: Served, *requests: Request) -> list[asr_pb2.StreamingRecognizeResponse]:
    async def send() -> AsyncIterator[Request]:
        for request in requests:
            yield request

    return [response async for response in open_stream(served, send())]


def finals(responses: list[asr_pb2.StreamingRecognizeResponse]) -> list[asr_pb2.FinalResult]:
    return [response.final for response in responses if response.HasField("final")]


async def refused(served: Served, *requests: Request) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await recognize(served, *requests)
    told = status.decode(caught.value)
    assert told is not None
    return caught.value.code(), told.reason


async def test_an_utterance_begins_goes_on_and_ends(served: Served) -> None:
    responses = await recognize(served, config(), *linear16(UTTERANCE))
    kinds = [response.WhichOneof("result") for response in responses]
    assert kinds.index("utterance_started") < kinds.index("final")
    assert kinds.count("utterance_started") == kinds.count("final") == 1
    (final,) = finals(responses)
    assert final.transcript == "w1 w2 w3 w4 w5"
    assert [word.word for word in final.words] == final.transcript.split()
    assert final.confidence == pytest.approx(0.9)
    assert (final.language_code, final.model) == ("en", "asr_en@1")
    assert final.start_offset.ToTimedelta().total_seconds() == pytest.approx(0.5, abs=0.04)
    assert final.end_offset.ToTimedelta().total_seconds() == pytest.approx(2.0, abs=0.04)
    assert not final.HasField("acoustic_features")
    evidence = [r.evidence.end_offset.ToTimedelta() for r in responses if r.HasField("evidence")]
    assert all(before <= after for before, after in pairwise(evidence))


async def test_acoustic_features_come_with_the_final_when_asked_for(served: Served) -> None:
    (final,) = finals(await recognize(served, config(include_acoustic_features=True), *linear16(UTTERANCE)))
    assert (final.acoustic_features.width, final.acoustic_features.model) == (64, "acoustic@1")
    assert 15 <= len(final.acoustic_features.frames) // 64 <= 30


@pytest.mark.parametrize(("encoding", "subtype"), [("MULAW", "ULAW"), ("ALAW", "ALAW")])
async def test_telephone_audio_is_heard(served: Served, encoding: str, subtype: str) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, UTTERANCE[::2], 8_000, format="RAW", subtype=subtype)
    audio = stream.getvalue()
    number = asr_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{encoding}")
    pieces = [Request(audio=audio[at : at + 160]) for at in range(0, len(audio), 160)]
    responses = await recognize(served, config(encoding=number, sample_rate_hertz=8_000), *pieces)
    assert finals(responses)[0].transcript.startswith("w1 w2 w3 w4 w5")


async def test_the_client_may_end_utterances_itself(served: Served) -> None:
    end = Request(end_utterance=asr_pb2.EndUtterance())
    one = linear16(UTTERANCE)
    responses = await recognize(served, config(client_ends_utterances=True), end, *one, end, end, *one, *one)
    assert [len(final.words) for final in finals(responses)] == [5, 10]


async def test_a_shorter_silence_may_end_utterances(served: Served) -> None:
    samples = sound((0.5, 0), (0.9, 0.5), (0.5, 0), (0.9, 0.5), (1.0, 0))
    one = finals(await recognize(served, config(), *linear16(samples)))
    two = finals(await recognize(served, config(end_silence=Duration(nanos=300_000_000)), *linear16(samples)))
    assert [len(final.words) for final in one] == [6]
    assert [len(final.words) for final in two] == [3, 3]


async def test_the_gateway_passes_a_stream_without_a_deadline_through(
    inference: FakeInference, tmp_path: Path
) -> None:
    async with serving_gateway(tmp_path, [registration(inference)]) as gateway:
        responses = await recognize(gateway.served, config(), *linear16(UTTERANCE))
        assert [final.transcript for final in finals(responses)] == ["w1 w2 w3 w4 w5"]
        reason = await refused(gateway.served, config(), Request(audio=bytes(3)))
        assert reason == (grpc.StatusCode.INVALID_ARGUMENT, "AUDIO_TRUNCATED")


async def test_silence_is_answered_with_nothing(served: Served, inference: FakeInference) -> None:
    assert await recognize(served, config(), *linear16(sound((3.0, 0)))) == []
    assert inference.calls == []


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        pytest.param([], "CONFIG_EXPECTED", id="nothing"),
        pytest.param([Request(audio=bytes(320))], "CONFIG_EXPECTED", id="audio first"),
        pytest.param([Request()], "CONFIG_EXPECTED", id="an empty message first"),
        pytest.param([config(), config()], "AUDIO_EXPECTED", id="two configs"),
        pytest.param([config(), Request()], "AUDIO_EXPECTED", id="an empty message"),
        pytest.param([config(), Request(audio=bytes(3))], "AUDIO_TRUNCATED", id="half a sample"),
        pytest.param([config(), Request(audio=bytes(64_002))], "AUDIO_TOO_LONG", id="more than 2 s"),
        pytest.param(
            [config(), Request(played_audio=bytes(3))], "AUDIO_TRUNCATED", id="half of what is played"
        ),
        pytest.param([config(encoding=asr_pb2.AUDIO_ENCODING_WAV)], "ENCODING_NO_STREAM", id="a file"),
        pytest.param([Request(config=asr_pb2.StreamingRecognitionConfig())], "ENCODING_NO_STREAM", id="none"),
        pytest.param([config(encoding=99)], "ENCODING_UNKNOWN", id="no encoding"),
        pytest.param([config(sample_rate_hertz=4_000)], "SAMPLE_RATE_INVALID", id="a rate too low"),
        pytest.param([config(audio_channel_count=3)], "CHANNEL_COUNT_INVALID", id="three channels"),
        pytest.param([config(language_code="de")], "LANGUAGE_UNKNOWN", id="another language"),
        pytest.param(
            [config(end_silence=Duration(seconds=6))], "END_SILENCE_INVALID", id="too long a silence"
        ),
        pytest.param(
            [config(end_silence=Duration(seconds=-1))], "END_SILENCE_INVALID", id="less than silence"
        ),
    ],
)
async def test_streams_that_cannot_be_heard(served: Served, requests: list[Request], reason: str) -> None:
    assert await refused(served, *requests) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


async def test_a_model_that_is_away_is_told(served: Served, inference: FakeInference) -> None:
    inference.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "away")
    code, _ = await refused(served, config(), *linear16(UTTERANCE))
    assert code is grpc.StatusCode.UNAVAILABLE


async def test_streams_above_the_limit_are_refused_and_those_left_by_clients_are_none(served: Served) -> None:
    async def send() -> AsyncIterator[Request]:
        yield config()
        for request in linear16(UTTERANCE):
            yield request
        await asyncio.Event().wait()

    streams = [open_stream(served, send()) for _ in range(2)]
    for stream in streams:
        await stream.read()
    assert await refused(served, config()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STREAMS_AT_CAPACITY")
    for stream in streams:
        stream.cancel()
    for _ in range(100):
        try:
            assert finals(await recognize(served, config(), *linear16(UTTERANCE)))
            break
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.02)
    else:
        pytest.fail("the places of streams that were left are not given back")


async def test_two_streams_never_hear_each_other(served: Served) -> None:
    longer = sound((0.5, 0), (3.0, 0.5), (1.2, 0))
    both = await asyncio.gather(
        recognize(served, config(), *linear16(UTTERANCE)), recognize(served, config(), *linear16(longer))
    )
    assert [len(final.words) for responses in both for final in finals(responses)] == [5, 10]


async def test_a_sender_in_a_hurry_is_heard_whole(served: Served) -> None:
    utterances = 40
    responses = await recognize(served, config(), *linear16(np.tile(UTTERANCE, utterances), 32_000))
    assert [len(final.words) for final in finals(responses)] == [5] * utterances
