"""Calls through the gateway's proxy are as calls to the service itself: all four kinds of RPC."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from hypothesis import strategies as st

from tests.contract.conformance import Check, Peer, conformance
from tests.contract.serving.servicer import DIALOGUE, TTS, Tts, registrations
from tests.harness.gateway import ServedGateway, serving_gateway
from tests.harness.grpc_server import bearer

GOOD: dict[str, Sequence[Any]] = {
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

# Long words in each line of each of many pictures are more than a client can send.
OVERRIDES = {
    "frontdesk.vision.v1.TextLine.text": st.text(max_size=10),
    "frontdesk.vision.v1.ImageLabel.label": st.text(max_size=10),
    "frontdesk.text.v1.TokenEmbedding.token": st.text(max_size=10),
}


@pytest.fixture
def tts() -> Tts:
    return Tts()


@pytest.fixture
async def gateway(tmp_path: Path, tts: Tts) -> AsyncIterator[ServedGateway]:
    async with serving_gateway(tmp_path, registrations(tts), max_proxied_message_bytes=1 << 20) as served:
        yield served


@conformance(TTS, DIALOGUE)
async def test_conforms(gateway: ServedGateway, method: MethodDescriptor, check: Check) -> None:
    await check(Peer.of(gateway.served, OVERRIDES), method, GOOD[method.name])


async def test_messages_come_and_go_as_they_are(gateway: ServedGateway) -> None:
    tts_stub = tts_pb2_grpc.TtsServiceStub(gateway.served.channel)
    dialogue = dialogue_pb2_grpc.DialogueServiceStub(gateway.served.channel)
    unary = await tts_stub.Synthesize(tts_pb2.SynthesizeRequest(text="你好"), timeout=5)
    assert unary.audio.decode() == "你好"
    both = tts_stub.StreamingSynthesize(iter(GOOD["StreamingSynthesize"]), timeout=5)
    assert [response.audio async for response in both] == [b"", b"hel", b"lo"]
    server = dialogue.Respond(GOOD["Respond"][0], timeout=5)
    assert [response.answer_delta async for response in server] == ["where", "is", "it"]
    client = await dialogue.PublishDomain(iter(GOOD["PublishDomain"]), timeout=5)
    assert client.domain_version == "shop@3"


async def test_the_api_key_stays_here_and_the_tenant_goes_along(gateway: ServedGateway) -> None:
    stub = tts_pb2_grpc.TtsServiceStub(gateway.served.bare_channel)
    metadata = (
        *bearer("fd_other"),
        ("x-request-id", "my-request"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    )
    response = await stub.Synthesize(tts_pb2.SynthesizeRequest(text="who"), metadata=metadata, timeout=5)
    tenant, role, *rest = response.audio.decode().split(" ")
    assert (tenant, role) == ("other", "integrator")
    assert rest[-2:] == ["my-request", metadata[2][1]]


async def test_the_deadline_goes_along(gateway: ServedGateway) -> None:
    stub = tts_pb2_grpc.TtsServiceStub(gateway.served.channel)
    response = await stub.Synthesize(tts_pb2.SynthesizeRequest(text="time"), timeout=7)
    assert 6 < float(response.audio) < 7.1  # gRPC rounds up, the clock of the server runs on its own


async def test_errors_come_back_with_their_details(gateway: ServedGateway) -> None:
    stub = tts_pb2_grpc.TtsServiceStub(gateway.served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Synthesize(tts_pb2.SynthesizeRequest(text="not found"), timeout=5)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    status = rpc_status.from_call(refused.value)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, dict(info.metadata)) == ("VOICE_UNKNOWN", {"voice": "bert"})


async def test_a_service_that_crashes_is_unavailable_and_tells_nothing(gateway: ServedGateway) -> None:
    stub = tts_pb2_grpc.TtsServiceStub(gateway.served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Synthesize(tts_pb2.SynthesizeRequest(text="crash"), timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "4111" not in str(refused.value)


async def test_a_cancelled_call_is_cancelled_at_the_service(gateway: ServedGateway, tts: Tts) -> None:
    stub = tts_pb2_grpc.TtsServiceStub(gateway.served.channel)
    call = stub.Synthesize(tts_pb2.SynthesizeRequest(text="wait"), timeout=60)
    waiting = asyncio.ensure_future(call)
    await asyncio.wait_for(tts.entered.wait(), 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(tts.cancelled.wait(), 5)


async def test_a_stream_that_is_left_is_closed_at_the_service(gateway: ServedGateway, tts: Tts) -> None:
    stub = tts_pb2_grpc.TtsServiceStub(gateway.served.channel)
    requests = [GOOD["StreamingSynthesize"][0], tts_pb2.StreamingSynthesizeRequest(text="endless")]
    call = stub.StreamingSynthesize(iter(requests), timeout=60)
    async for _ in call:
        break
    call.cancel()
    await asyncio.wait_for(_until(lambda: bool(tts.closed)), 5)


async def _until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 (a list has no event)
        await asyncio.sleep(0.01)


async def test_an_unreachable_service_is_unavailable(tmp_path: Path) -> None:
    async with serving_gateway(tmp_path, [], targets={"tts": "127.0.0.1:1"}) as gateway:
        stub = tts_pb2_grpc.TtsServiceStub(gateway.served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListVoices(tts_pb2.ListVoicesRequest(), timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "tts" in (refused.value.details() or "")


@pytest.mark.parametrize("position", [1, 2])
async def test_a_message_over_the_services_limit_is_refused_here(
    gateway: ServedGateway, position: int
) -> None:
    stub: Any = dialogue_pb2_grpc.DialogueServiceStub(gateway.served.channel)
    chunks = [dialogue_pb2.PublishDomainRequest(chunk=b"zip")] * 3
    chunks[position] = dialogue_pb2.PublishDomainRequest(chunk=bytes((1 << 20) + 1))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.PublishDomain(iter([GOOD["PublishDomain"][0], *chunks]), timeout=5)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_reflection_lists_the_proxied_services(gateway: ServedGateway) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(gateway.served.bare_channel)
    call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    response = await anext(aiter(call))
    names = {service.name for service in response.list_services_response.service}
    assert names >= {
        "frontdesk.gateway.v1.ConversationService",
        "frontdesk.asr.v1.AsrService",
        "frontdesk.vision.v1.VisionService",
        "frontdesk.text.v1.TextService",
        "frontdesk.tts.v1.TtsService",
        "frontdesk.dialogue.v1.DialogueService",
        "frontdesk.dialogue.v1.KnowledgeService",
    }
    call.cancel()
