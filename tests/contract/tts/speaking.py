"""TtsService with models that hum, and its client, for the tests."""

from typing import Any

import grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.serving.server import Registration
from services.serving.settings import MEBIBYTE
from services.tts.servicer import TtsServicer
from services.tts.speech_cache import SpeechCache
from services.tts.synthesizer import Synthesizer
from services.tts.voices import Catalogue
from tests.fakes.inference import FakeInference
from tests.harness.grpc_server import Served

SERVICE = tts_pb2.DESCRIPTOR.services_by_name["TtsService"]
Request = tts_pb2.StreamingSynthesizeRequest
CONFIG = Request(config=tts_pb2.StreamingSynthesisConfig())


def registration(inference: FakeInference) -> Registration:
    catalogue = Catalogue()
    cache = SpeechCache(max_bytes=MEBIBYTE, max_characters=100)
    servicer = TtsServicer(Synthesizer(inference, catalogue, cache), catalogue, max_text_characters=200)
    return Registration(SERVICE.full_name, tts_pb2_grpc.add_TtsServiceServicer_to_server, servicer)


def stub(served: Served) -> Any:
    return tts_pb2_grpc.TtsServiceStub(served.channel)


async def synthesize(served: Served, text: str, **fields: Any) -> tts_pb2.SynthesizeResponse:
    response: tts_pb2.SynthesizeResponse = await stub(served).Synthesize(
        tts_pb2.SynthesizeRequest(text=text, **fields), timeout=5
    )
    return response


async def stream(served: Served, *requests: Request) -> list[tts_pb2.StreamingSynthesizeResponse]:
    return [chunk async for chunk in stub(served).StreamingSynthesize(iter(requests), timeout=5)]


def reason(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def said(inference: FakeInference) -> list[tuple[str, str, str]]:
    """(model, voice, text) of each sentence that reached a model."""
    return [
        (model, inputs["voice"][0].decode(), inputs["text"][0].decode()) for model, inputs in inference.calls
    ]
