"""All four kinds of RPC keep the promises for bad input."""

from collections.abc import AsyncIterator, Sequence

import pytest
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.tts.v1 import tts_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from tests.contract.conformance import Check, Peer, conformance
from tests.contract.serving.servicer import DIALOGUE, TTS, Tts, registrations
from tests.harness.grpc_server import serving

GOOD: dict[str, Sequence[Message]] = {
    "Synthesize": [tts_pb2.SynthesizeRequest(text="hello", voice=tts_pb2.VoiceConfig(voice="bert"))],
    "StreamingSynthesize": [
        tts_pb2.StreamingSynthesizeRequest(config=tts_pb2.StreamingSynthesisConfig()),
        tts_pb2.StreamingSynthesizeRequest(text="hel"),
        tts_pb2.StreamingSynthesizeRequest(text="lo"),
    ],
    "ListVoices": [tts_pb2.ListVoicesRequest(language_code="en")],
    "Respond": [dialogue_pb2.RespondRequest(input=dialogue_pb2.CustomerInput(text="where is it"))],
    "Understand": [dialogue_pb2.UnderstandRequest(input=dialogue_pb2.CustomerInput(text="where is it"))],
    "PublishDomain": [
        dialogue_pb2.PublishDomainRequest(config=dialogue_pb2.DomainBundleConfig(name="shop")),
        dialogue_pb2.PublishDomainRequest(chunk=b"zip"),
    ],
}


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving(registrations(Tts())) as served:
        yield Peer.of(served)


@conformance(TTS, DIALOGUE)
async def test_conforms(peer: Peer, method: MethodDescriptor, check: Check) -> None:
    await check(peer, method, GOOD[method.name])
