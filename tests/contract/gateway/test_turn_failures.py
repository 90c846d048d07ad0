"""A turn whose services fail, hang, refuse or come back, and a customer who leaves."""

import asyncio
from pathlib import Path

import grpc
import pytest
from frontdesk.gateway.v1 import conversation_pb2, conversation_pb2_grpc

from services.serving.errors import FailedPrecondition, InvalidArgument, Unavailable
from tests.contract.gateway.turns import audio, conversation, events, kinds, request, spoken, take, until
from tests.fakes.services import FakeServices
from tests.harness.gateway import ServedGateway, serving_gateway
from tests.harness.grpc_server import serving


@pytest.mark.parametrize("method", ["Recognize", "EmbedTexts", "Respond"])
async def test_a_needed_service_that_fails_ends_the_turn_which_can_be_repeated(
    gateway: ServedGateway, peers: FakeServices, method: str
) -> None:
    peers.failing[method] = Unavailable("MODEL_UNAVAILABLE", "the model restarts")
    failed = await take(gateway, spoken())
    assert (failed.code, failed.reason) == (grpc.StatusCode.UNAVAILABLE, "MODEL_UNAVAILABLE")
    peers.failing.clear()
    again = await take(gateway, spoken())
    assert kinds(again)[-1] == "turn_completed"
    assert not events(again)[-1].turn_completed.replayed


@pytest.mark.parametrize("method", ["Recognize", "EmbedTexts", "Respond"])
async def test_a_needed_service_that_hangs_ends_the_turn_before_its_deadline(
    gateway: ServedGateway, peers: FakeServices, method: str
) -> None:
    peers.hanging.add(method)
    late = await take(gateway, spoken(), seconds=1.0)
    assert (late.code, late.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "TURN_DEADLINE_EXCEEDED")
    await until(lambda: method in peers.cancelled)
    peers.hanging.clear()
    assert kinds(await take(gateway, spoken()))[-1] == "turn_completed"


@pytest.mark.parametrize("how", ["fails", "hangs", "refuses"])
async def test_a_turn_goes_on_without_speech(gateway: ServedGateway, peers: FakeServices, how: str) -> None:
    match how:
        case "fails":
            peers.failing["StreamingSynthesize"] = Unavailable("MODEL_UNAVAILABLE", "the model restarts")
        case "refuses":
            peers.failing["StreamingSynthesize"] = InvalidArgument("VOICE_UNKNOWN", "no such voice")
        case _:
            peers.hanging.add("StreamingSynthesize")
    answer = await take(gateway, spoken())
    assert kinds(answer)[-2:] == ["notice", "turn_completed"]
    notice = events(answer)[-2].notice
    assert (notice.stage, notice.reason) == (conversation_pb2.STAGE_TTS, "SPEECH_UNAVAILABLE")
    assert not audio(answer)


async def test_unusable_audio_is_the_customers_by_the_turns_own_field_names(gateway: ServedGateway) -> None:
    refused = await take(gateway, spoken(audio=conversation_pb2.AudioInput(content=b"garbage")))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "AUDIO_UNDECODABLE")
    assert refused.error is not None
    assert "audio.content" in str(refused.error.trailing_metadata())


async def test_dialogues_refusal_is_told_by_the_turns_own_field_names(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    peers.failing["Respond"] = InvalidArgument("LANGUAGE_UNKNOWN", "no", field="input.language_code")
    refused = await take(gateway, request(text="hello"))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.error is not None
    metadata = str(refused.error.trailing_metadata())
    assert "language_code" in metadata
    assert "input.language_code" not in metadata


async def test_an_unpublished_domain_is_told_as_such(gateway: ServedGateway, peers: FakeServices) -> None:
    peers.failing["Respond"] = FailedPrecondition("NOTHING_PUBLISHED", "publish a domain first")
    refused = await take(gateway, request(text="hello"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOTHING_PUBLISHED")


async def test_a_customer_who_leaves_cancels_the_services(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    peers.hanging.add("Recognize")
    stub = conversation_pb2_grpc.ConversationServiceStub(gateway.served.channel)
    stream = stub.HandleTurn(spoken(), timeout=60)
    started = await anext(aiter(stream))
    assert started.HasField("turn_started")
    await until(lambda: "Recognize" in peers.callers)
    stream.cancel()
    await until(lambda: "Recognize" in peers.cancelled)


async def test_a_service_that_comes_back_is_found_again_and_nothing_is_lost(
    tmp_path: Path, peers: FakeServices
) -> None:
    dialogue = [r for r in peers.registrations() if r.service_name.endswith("DialogueService")]
    async with serving([]) as free:
        port = free.server.port
    target = {"dialogue": f"127.0.0.1:{port}"}
    async with serving_gateway(tmp_path, peers.registrations(), targets=target) as gateway:
        async with serving(dialogue, authenticate=gateway.authenticate_peers, port=port):
            assert kinds(await take(gateway, request(text="one")))[-1] == "turn_completed"
        down = await take(gateway, request(turn_id="t2", text="two"))
        assert down.code is grpc.StatusCode.UNAVAILABLE
        assert down.reason == "DIALOGUE_UNAVAILABLE"
        async with serving(dialogue, authenticate=gateway.authenticate_peers, port=port):
            for _ in range(100):  # the channel tries again by itself within two seconds
                answer = await take(gateway, request(turn_id="t2", text="two"))
                if not answer.error:
                    break
                await asyncio.sleep(0.1)
            assert kinds(answer)[-1] == "turn_completed"
        assert [turn.text for turn in (await conversation(gateway)).turns] == ["one", "two"]
