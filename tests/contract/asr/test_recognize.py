"""AsrService over real gRPC: what goes in and comes out, and what is promised for bad input."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE, AudioDecoder
from services.asr.model import ACOUSTIC_FRAME_SAMPLES, ACOUSTIC_WIDTH
from services.asr.recognizer import Recognizer
from services.asr.servicer import AsrServicer
from services.asr.transcriber import Transcriber
from services.inference.port import Tensors
from services.serving.errors import Unavailable
from services.serving.server import Registration
from tests.contract.conformance import Check, Peer, conformance
from tests.fakes.hearing import Hearing
from tests.fakes.inference import Compute, FakeInference
from tests.harness.grpc_server import Served, serving
from tests.unit.asr.test_recognizer import FRAME, answer, loud_is_speech, sound

SERVICE = asr_pb2.DESCRIPTOR.services_by_name["AsrService"]


def encoded(samples: NDArray[np.float32], container: str = "WAV", subtype: str = "PCM_16") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, SAMPLE_RATE, format=container, subtype=subtype)
    return stream.getvalue()


SPEECH = encoded(sound((0.5, 0), (1.0, 0.5), (0.5, 0)))
WITH_FEATURES = asr_pb2.RecognitionConfig(include_acoustic_features=True)
STREAM = asr_pb2.StreamingRecognitionConfig(
    encoding=asr_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=SAMPLE_RATE, language_code="en"
)
GOOD: dict[str, list[Message]] = {
    "Recognize": [asr_pb2.RecognizeRequest(audio=SPEECH, config=WITH_FEATURES)],
    "StreamingRecognize": [
        asr_pb2.StreamingRecognizeRequest(config=STREAM),
        asr_pb2.StreamingRecognizeRequest(audio=bytes(640)),
        asr_pb2.StreamingRecognizeRequest(audio=b"\x00\x40" * 16_000),
        asr_pb2.StreamingRecognizeRequest(played_audio=bytes(640)),
        asr_pb2.StreamingRecognizeRequest(end_utterance=asr_pb2.EndUtterance()),
    ],
}


@pytest.fixture
def models() -> dict[str, Compute]:
    return {"asr_en": lambda _: answer(), "asr_multilingual": lambda _: answer(), "acoustic": frames}


@pytest.fixture
def inference(models: dict[str, Compute]) -> FakeInference:
    return FakeInference(models, {"acoustic": {"manifest": json.dumps({"version": 1})}})


def frames(inputs: Tensors) -> Tensors:
    """As many as the real model gives, each number its frame's."""
    count = -(-len(inputs["samples"]) // ACOUSTIC_FRAME_SAMPLES)
    return {"frames": np.repeat(np.arange(count, dtype=np.float32)[:, None], ACOUSTIC_WIDTH, axis=1)}


@pytest.fixture
async def served(inference: FakeInference) -> AsyncIterator[Served]:
    recognizer = Recognizer(inference, loud_is_speech, FRAME / SAMPLE_RATE, Transcriber(inference, str))
    servicer = AsrServicer(
        AudioDecoder(max_bytes=1 << 20, max_seconds=20.0), recognizer, Hearing(inference).live()
    )
    add = asr_pb2_grpc.add_AsrServiceServicer_to_server
    async with serving([Registration(SERVICE.full_name, add, servicer)]) as running:
        yield running


async def recognize(served: Served, audio: bytes = SPEECH, **config: Any) -> asr_pb2.RecognizeResponse:
    stub = asr_pb2_grpc.AsrServiceStub(served.channel)
    request = asr_pb2.RecognizeRequest(audio=audio, config=asr_pb2.RecognitionConfig(**config))
    response: asr_pb2.RecognizeResponse = await stub.Recognize(request, timeout=5.0)
    return response


async def test_words_come_with_times_and_confidence(served: Served) -> None:
    response = await recognize(served, language_code="en-US")
    assert response.transcript == "Hello, shop."
    assert [word.word for word in response.words] == ["Hello,", "shop."]
    assert response.words[0].start_offset.ToTimedelta().total_seconds() == pytest.approx(0.55, abs=0.05)
    assert response.audio_duration.ToTimedelta().total_seconds() == pytest.approx(2.0)
    assert response.confidence == pytest.approx(0.9)
    assert (response.language_code, response.language_confidence) == ("en", 1.0)
    assert response.model == "asr_en@1"


@pytest.mark.parametrize(
    ("tag", "model"),
    [
        ("en", "asr_en"),
        ("EN_gb", "asr_en"),
        ("zh", "asr_multilingual"),
        ("zh-Hans-CN", "asr_multilingual"),
        ("cmn-Hans-CN", "asr_multilingual"),
        ("", "asr_multilingual"),
    ],
)
async def test_languages(served: Served, inference: FakeInference, tag: str, model: str) -> None:
    await recognize(served, language_code=tag)
    assert [name for name, _ in inference.calls] == [model]


@pytest.mark.parametrize("tag", ["de", "yue", "klingon", "-", "english", "zhe"])
async def test_unknown_languages_are_refused(served: Served, inference: FakeInference, tag: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await recognize(served, language_code=tag)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert inference.calls == []


async def test_silence_is_an_answer_without_words(served: Served) -> None:
    response = await recognize(served, encoded(np.zeros(32_000, np.float32)))
    assert (response.transcript, len(response.words), response.confidence, response.model) == ("", 0, 0, "")
    assert response.audio_duration.seconds == 2


async def test_acoustic_features_come_frame_by_frame_when_asked_for(served: Served) -> None:
    assert not (await recognize(served)).HasField("acoustic_features")
    response = await recognize(served, include_acoustic_features=True)
    assert response.transcript == "Hello, shop."
    features = response.acoustic_features
    assert (features.width, features.frame_period.nanos, features.model) == (64, 100_000_000, "acoustic@1")
    assert list(features.frames) == [float(number // 64) for number in range(20 * 64)]


async def test_silence_has_no_acoustic_features(served: Served, inference: FakeInference) -> None:
    response = await recognize(served, encoded(np.zeros(32_000, np.float32)), include_acoustic_features=True)
    assert not response.HasField("acoustic_features")
    assert inference.calls == []


async def test_words_come_without_features_when_the_acoustic_model_fails(
    served: Served, models: dict[str, Compute]
) -> None:
    def fail(_: Tensors) -> Tensors:
        raise Unavailable("INFERENCE_FAILED", "away")

    models["acoustic"] = fail
    response = await recognize(served, include_acoustic_features=True)
    assert response.transcript == "Hello, shop."
    assert not response.HasField("acoustic_features")


async def test_an_unknown_encoding_number_is_refused(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await recognize(served, encoding=99)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_model_that_is_away_is_unavailable(served: Served, inference: FakeInference) -> None:
    inference.fail_with = Unavailable("MODEL_UNAVAILABLE", "away")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await recognize(served)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def near_audio() -> st.SearchStrategy[bytes]:
    """Real files of every container with some bytes changed, or cut off."""
    files = [
        encoded(sound((0.2, 0.3)), *kind)
        for kind in [
            ("WAV", "PCM_16"),
            ("WAV", "FLOAT"),
            ("FLAC", "PCM_16"),
            ("OGG", "OPUS"),
            ("OGG", "VORBIS"),
        ]
    ]
    files.append(encoded(sound((0.2, 0.3)), "MP3", "MPEG_LAYER_III"))

    def damage(file: bytes, changes: list[tuple[int, int]], keep: float) -> bytes:
        content = bytearray(file)
        for position, value in changes:
            content[position % min(len(content), 200)] = value
        return bytes(content[: round(len(content) * keep)])

    changes = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3)
    kept = st.one_of(st.just(1.0), st.floats(0, 1))
    return st.builds(damage, st.sampled_from(files), changes, kept)


OVERRIDES = {"frontdesk.asr.v1.RecognizeRequest.audio": st.one_of(near_audio(), st.binary(max_size=200))}


@conformance(SERVICE)
async def test_conforms(served: Served, method: MethodDescriptor, check: Check) -> None:
    await check(Peer.of(served, OVERRIDES), method, GOOD[method.name])


def test_the_readme_names_every_setting() -> None:
    from services.asr.settings import AsrSettings

    text = (Path(__file__).parents[3] / "services/asr/README.md").read_text(encoding="utf-8")
    own = AsrSettings.model_fields.keys() - AsrSettings.__mro__[1].model_fields.keys()  # type: ignore[attr-defined]
    assert [name for name in sorted(own) if f"FRONTDESK_ASR_{name.upper()}" not in text] == []
