"""``ConversationService`` on real sockets and real stores, before scripted services."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import strategies as st

from services.serving.errors import Unavailable
from tests.contract.conformance import Check, GoodRequest, Peer, conformance
from tests.contract.gateway.turns import (
    CONVERSATIONS,
    SHORT_CALL,
    audio,
    conversation,
    events,
    kinds,
    request,
    spoken,
    take,
    until,
    without_time,
)
from tests.fakes.services import ANSWER, PNG, FakeServices
from tests.harness.gateway import OTHER_API_KEY, ServedGateway, serving_gateway


@conformance(CONVERSATIONS)
async def test_conforms(gateway: ServedGateway, method: MethodDescriptor, check: Check) -> None:
    async def stored_conversation(_: Peer) -> list[Any]:
        await take(gateway, request(session_id="stored", text="hello"))
        return [conversation_pb2.GetConversationRequest(session_id="stored")]

    async def new_turn(_: Peer) -> list[Any]:
        new_turn.number += 1  # type: ignore[attr-defined]
        return [request(turn_id=f"good{new_turn.number}", text="hello")]  # type: ignore[attr-defined]

    async def completed_turn(_: Peer) -> list[Any]:
        await take(gateway, request(session_id="completed", text="hello"))
        return [conversation_pb2.ExplainTurnRequest(session_id="completed", turn_id="t1")]

    new_turn.number = 0  # type: ignore[attr-defined]
    overrides = {
        "frontdesk.gateway.v1.AudioInput.content": st.sampled_from([b"", b"RIFF spoken", b"garbage"]),
        "frontdesk.gateway.v1.ImageInput.content": st.sampled_from(
            [b"", PNG, PNG + b"Error 42", PNG + b"bomb", b"GIF89a"]
        ),
    }

    good: dict[str, GoodRequest] = {
        "Converse": SHORT_CALL,
        "HandleTurn": new_turn,
        "GetConversation": stored_conversation,
        "ExplainTurn": completed_turn,
    }
    await check(Peer.of(gateway.served, overrides), method, good[method.name])


async def test_a_spoken_turn_comes_back_as_text_and_speech(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    answer = await take(gateway, spoken(text="Order 17"))
    found = kinds(answer)
    assert found[:3] == ["turn_started", "transcript", "understood"]
    assert found[-1] == "turn_completed"
    assert [kind for kind in found if kind not in ("answer_audio",)][3:-1] == [
        "answer_text",
        "citation",
        "answer_text",
    ]
    assert audio(answer) == [piece.encode() + b"\x00\xff" for piece in ANSWER]
    sent = events(answer)
    assert {(event.session_id, event.turn_id) for event in sent} == {("s1", "t1")}
    offsets = [event.event_offset.ToNanoseconds() for event in sent]
    assert offsets == sorted(offsets)
    [first, second] = [event.answer_audio for event in sent if event.HasField("answer_audio")]
    assert first.format == tts_pb2.OutputFormat(
        encoding=tts_pb2.OUTPUT_ENCODING_MULAW, sample_rate_hertz=8000
    )
    assert not second.HasField("format")
    [transcript] = [event.transcript for event in sent if event.HasField("transcript")]
    assert transcript.words[0].end_offset.ToMilliseconds() == 250
    [responded] = peers.responding
    assert responded.input.text == "where is my order\nOrder 17"
    assert list(responded.input.text_embedding.sentence) == [1.0, 0.0]
    assert responded.input.embedding_model == "encoder@1"
    assert not responded.input.images
    assert not responded.input.HasField("acoustic_features")
    assert not peers.recognizing[0].config.include_acoustic_features
    assert not peers.embedding[0].include_tokens
    assert responded.domain == "shop"
    assert not responded.HasField("state")
    assert peers.synthesizing[0].voice.language_code == "en"
    completed = sent[-1].turn_completed
    assert completed.answer == "".join(ANSWER)
    assert {timing.stage for timing in completed.timings} == {
        conversation_pb2.STAGE_STORE,
        conversation_pb2.STAGE_ASR,
        conversation_pb2.STAGE_TEXT,
        conversation_pb2.STAGE_DIALOGUE,
        conversation_pb2.STAGE_TTS,
    }


async def test_services_see_tenant_and_session_but_not_the_key(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    await take(gateway, spoken(), key=OTHER_API_KEY)
    for method in ("Recognize", "EmbedTexts", "Respond", "StreamingSynthesize"):
        caller = peers.callers[method]
        assert (caller.tenant, caller.session_id) == ("other", "s1")
        assert OTHER_API_KEY not in caller.token
    assert peers.responding[0].domain == "tools"


async def test_the_state_goes_from_turn_to_turn(gateway: ServedGateway, peers: FakeServices) -> None:
    for turn_id in ("t1", "t2", "t3"):
        await take(gateway, request(turn_id=turn_id, text="hello"))
    assert [responded.state.turn_count for responded in peers.responding] == [0, 1, 2]
    assert (await conversation(gateway)).domain_version == "shop@1"


async def test_a_repeated_turn_is_replayed_to_the_byte(gateway: ServedGateway, peers: FakeServices) -> None:
    first = await take(gateway, spoken())
    peers.failing = {name: Unavailable("DOWN", "down") for name in ("Recognize", "EmbedTexts", "Respond")}
    second = await take(gateway, spoken())
    assert without_time(second) == without_time(first)
    assert audio(second) == audio(first)
    assert events(second)[-1].turn_completed.replayed
    assert len(peers.responding) == 1


async def test_a_first_turn_without_session_is_found_again_by_its_turn_id(gateway: ServedGateway) -> None:
    first = await take(gateway, request(session_id="", text="hello"))
    second = await take(gateway, request(session_id="", text="hello"))
    assert without_time(second) == without_time(first)
    assert events(second)[-1].turn_completed.replayed


async def test_another_content_under_the_same_id_is_refused(gateway: ServedGateway) -> None:
    await take(gateway, request(text="hello"))
    refused = await take(gateway, request(text="goodbye"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "TURN_ID_USED")


async def test_two_turns_at_once_of_one_session(gateway: ServedGateway, peers: FakeServices) -> None:
    peers.hanging.add("Respond")
    first = asyncio.create_task(take(gateway, request(text="hello"), seconds=30))
    await until(lambda: bool(peers.responding))
    for turn_id in ("t1", "t2"):
        refused = await take(gateway, request(turn_id=turn_id, text="hello"))
        assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "TURN_IN_PROGRESS")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await until(lambda: "Respond" in peers.cancelled)
    peers.hanging.clear()
    assert kinds(await take(gateway, request(text="hello")))[-1] == "turn_completed"


async def test_tenants_share_no_session(gateway: ServedGateway, peers: FakeServices) -> None:
    await take(gateway, request(text="hello"))
    theirs = await take(gateway, request(text="something else"), key=OTHER_API_KEY)
    assert kinds(theirs)[-1] == "turn_completed"
    assert not peers.responding[1].HasField("state")
    assert [turn.text for turn in (await conversation(gateway)).turns] == ["hello"]
    await take(gateway, request(session_id="theirs", text="hello"), key=OTHER_API_KEY)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await conversation(gateway, session_id="theirs")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_turns_outlive_the_gateway(tmp_path: Path, peers: FakeServices) -> None:
    async with serving_gateway(tmp_path, peers.registrations()) as gateway:
        first = await take(gateway, spoken())
    async with serving_gateway(tmp_path, peers.registrations()) as gateway:
        assert without_time(await take(gateway, spoken())) == without_time(first)


async def test_raw_audio_is_handed_on_with_its_coding(gateway: ServedGateway) -> None:
    audio_input = conversation_pb2.AudioInput(
        content=b"RIFF",
        config=asr_pb2.RecognitionConfig(
            encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8000, language_code="en-US"
        ),
    )
    assert kinds(await take(gateway, spoken(audio=audio_input)))[-1] == "turn_completed"
