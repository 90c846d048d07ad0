"""What a request brought is let go as soon as it is answered, whatever the answer."""

import asyncio
import gc
import weakref
from typing import Any

import grpc
import pytest
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from services.serving.errors import InvalidArgument
from services.serving.server import Registration
from tests.contract.serving.servicer import Tts
from tests.harness.grpc_server import serving


class Media:
    """What a request might bring; can be watched, as bytes cannot."""


class Holding(Tts):
    """Holds media while it serves, and remembers them weakly."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[weakref.ref[Media]] = []

    async def Synthesize(self, request: Any, context: Any) -> tts_pb2.SynthesizeResponse:  # noqa: N802
        media = Media()
        self.held.append(weakref.ref(media))
        if request.text == "refuse":
            raise InvalidArgument("MEDIA_BAD", "cannot be used")
        return tts_pb2.SynthesizeResponse(voice=type(media).__name__)


@pytest.mark.parametrize("text", ["answer", "refuse"])
async def test_nothing_of_a_request_waits_for_a_collection(text: str) -> None:
    servicer = Holding()
    add = tts_pb2_grpc.add_TtsServiceServicer_to_server
    async with serving([Registration("frontdesk.tts.v1.TtsService", add, servicer)]) as served:
        stub = tts_pb2_grpc.TtsServiceStub(served.channel)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                outcome = await asyncio.gather(
                    stub.Synthesize(tts_pb2.SynthesizeRequest(text=text), timeout=5), return_exceptions=True
                )
                refused = isinstance(outcome[0], grpc.aio.AioRpcError)
                assert refused == (text == "refuse"), outcome
            await asyncio.sleep(0.1)
            assert [held() for held in servicer.held] == [None, None, None]
        finally:
            gc.enable()
