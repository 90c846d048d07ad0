"""``ConversationService`` on real sockets and real stores, before scripted services."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2, conversation_pb2_grpc
from frontdesk.tts.v1 import tts_pb2
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import strategies as st

from services.serving.errors import FailedPrecondition, InvalidArgument, Unavailable
from tests.contract.conformance import Answer, Check, Peer, call, conformance
from tests.fakes.services import ANSWER, FakeServices
from tests.harness.gateway import OTHER_API_KEY, ServedGateway, serving_gateway
from tests.harness.grpc_server import bearer, serving

CONVERSATIONS = conversation_pb2.DESCRIPTOR.services_by_name["ConversationService"]
HANDLE_TURN = CONVERSATIONS.methods_by_name["HandleTurn"]
GET_CONVERSATION = CONVERSATIONS.methods_by_name["GetConversation"]
PNG = b"\x89PNG\r\n\x1a\n and so on"
Event = conversation_pb2.HandleTurnResponse


def request(**fields: Any) -> conversation_pb2.HandleTurnRequest:
    return conversation_pb2.HandleTurnRequest(**({"session_id": "s1", "turn_id": "t1"} | fields))


def spoken(**fields: Any) -> conversation_pb2.HandleTurnRequest:
    audio = conversation_pb2.AudioInput(content=b"RIFF spoken")
    speech = conversation_pb2.AnswerAudioConfig(
        format=tts_pb2.OutputFormat(encoding=tts_pb2.OUTPUT_ENCODING_MULAW, sample_rate_hertz=8000)
    )
    return request(**({"audio": audio, "answer_audio": speech} | fields))


@pytest.fixture
def peers() -> FakeServices:
    return FakeServices()


@pytest.fixture
async def gateway(tmp_path: Path, peers: FakeServices) -> AsyncIterator[ServedGateway]:
    async with serving_gateway(tmp_path, peers.registrations(), speech_stall_seconds=0.5) as served:
        yield served


async def take(
    gateway: ServedGateway, message: conversation_pb2.HandleTurnRequest, seconds: float = 5.0, key: str = ""
) -> Answer:
    peer = Peer(
        gateway.served.bare_channel,
        (lambda: bearer(key)) if key else gateway.served.metadata,
        timeout_seconds=seconds,
    )
    return await call(peer, HANDLE_TURN, [message.SerializeToString()])


async def conversation(gateway: ServedGateway, **fields: Any) -> conversation_pb2.GetConversationResponse:
    message = conversation_pb2.GetConversationRequest(**({"session_id": "s1"} | fields))
    answer = await call(Peer.of(gateway.served), GET_CONVERSATION, [message.SerializeToString()])
    if answer.error:
        raise answer.error
    [response] = answer.responses
    assert isinstance(response, conversation_pb2.GetConversationResponse)
    return response


def kinds(answer: Answer) -> list[str]:
    assert answer.error is None, answer.error
    return [str(event.WhichOneof("event")) for event in answer.responses if isinstance(event, Event)]


def audio(answer: Answer) -> list[bytes]:
    events = [event for event in answer.responses if isinstance(event, Event)]
    return [event.answer_audio.audio for event in events if event.HasField("answer_audio")]


def without_time(answer: Answer) -> list[Event]:
    """The events but for their times and the mark of a replay."""
    bare = []
    for response in answer.responses:
        event = Event.FromString(response.SerializeToString())
        event.ClearField("event_offset")
        if event.HasField("turn_completed"):
            event.turn_completed.ClearField("timings")
            event.turn_completed.ClearField("replayed")
        bare.append(event)
    return bare


@conformance(CONVERSATIONS)
async def test_conforms(gateway: ServedGateway, method: MethodDescriptor, check: Check) -> None:
    async def stored_conversation(_: Peer) -> list[Any]:
        await take(gateway, request(session_id="stored", text="hello"))
        return [conversation_pb2.GetConversationRequest(session_id="stored")]

    async def new_turn(_: Peer) -> list[Any]:
        new_turn.number += 1  # type: ignore[attr-defined]
        return [request(turn_id=f"good{new_turn.number}", text="hello")]  # type: ignore[attr-defined]

    new_turn.number = 0  # type: ignore[attr-defined]
    overrides = {
        "frontdesk.gateway.v1.AudioInput.content": st.sampled_from([b"", b"RIFF spoken", b"garbage"]),
        "frontdesk.gateway.v1.ImageInput.content": st.sampled_from([b"", PNG, b"GIF89a"]),
    }
    good = {"HandleTurn": new_turn, "GetConversation": stored_conversation}
    await check(Peer.of(gateway.served, overrides), method, good[method.name])


async def test_a_spoken_turn_comes_back_as_text_and_speech(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    answer = await take(gateway, spoken(text="Order 17", images=[conversation_pb2.ImageInput(content=PNG)]))
    found = kinds(answer)
    assert found[:4] == ["turn_started", "notice", "transcript", "understood"]
    assert found[-1] == "turn_completed"
    assert [kind for kind in found if kind not in ("answer_audio",)][4:-1] == [
        "answer_text",
        "citation",
        "answer_text",
    ]
    assert audio(answer) == [piece.encode() + b"\x00\xff" for piece in ANSWER]
    events = [event for event in answer.responses if isinstance(event, Event)]
    assert {(event.session_id, event.turn_id) for event in events} == {("s1", "t1")}
    offsets = [event.event_offset.ToNanoseconds() for event in events]
    assert offsets == sorted(offsets)
    [first, second] = [event.answer_audio for event in events if event.HasField("answer_audio")]
    assert first.format == tts_pb2.OutputFormat(
        encoding=tts_pb2.OUTPUT_ENCODING_MULAW, sample_rate_hertz=8000
    )
    assert not second.HasField("format")
    [transcript] = [event.transcript for event in events if event.HasField("transcript")]
    assert transcript.words[0].end_offset.ToMilliseconds() == 250
    [responded] = peers.responding
    assert responded.input.text == "where is my order\nOrder 17"
    assert list(responded.input.text_embedding.sentence) == [1.0, 0.0]
    assert responded.input.embedding_model == "encoder@1"
    assert len(responded.input.images) == 1
    assert responded.domain == "shop"
    assert not responded.HasField("state")
    assert peers.synthesizing[0].voice.language_code == "en"
    completed = events[-1].turn_completed
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
    last = second.responses[-1]
    assert isinstance(last, Event)
    assert last.turn_completed.replayed
    assert len(peers.responding) == 1


async def test_a_first_turn_without_session_is_found_again_by_its_turn_id(gateway: ServedGateway) -> None:
    first = await take(gateway, request(session_id="", text="hello"))
    second = await take(gateway, request(session_id="", text="hello"))
    assert without_time(second) == without_time(first)
    last = second.responses[-1]
    assert isinstance(last, Event)
    assert last.turn_completed.replayed


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
    assert isinstance(again.responses[-1], Event)
    assert not again.responses[-1].turn_completed.replayed


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
    notice = answer.responses[-2]
    assert isinstance(notice, Event)
    assert notice.notice.stage == conversation_pb2.STAGE_TTS
    assert notice.notice.reason == "SPEECH_UNAVAILABLE"
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


async def test_turns_outlive_the_gateway(tmp_path: Path, peers: FakeServices) -> None:
    async with serving_gateway(tmp_path, peers.registrations()) as gateway:
        first = await take(gateway, spoken())
    async with serving_gateway(tmp_path, peers.registrations()) as gateway:
        assert without_time(await take(gateway, spoken())) == without_time(first)


async def test_a_conversation_is_read_back(gateway: ServedGateway, peers: FakeServices) -> None:
    image = conversation_pb2.ImageInput(content=PNG)
    await take(gateway, spoken(text="Order 17", images=[image]))
    peers.failing["Respond"] = Unavailable("DOWN", "down")
    await take(gateway, request(turn_id="t2", text="was interrupted"))
    peers.failing.clear()
    await take(gateway, request(turn_id="t3", text="a person please"))
    whole = await conversation(gateway)
    answered, interrupted, handed_over = whole.turns
    assert (answered.turn_id, answered.text, answered.transcript) == ("t1", "Order 17", "where is my order")
    assert (answered.language_code, answered.intent) == ("en", "order_status")
    assert answered.decision == dialogue_pb2.DECISION_ANSWER
    assert answered.answer == "".join(ANSWER)
    assert [citation.passage_id for citation in answered.citations] == ["orders.track"]
    assert [(medium.kind, medium.size_bytes) for medium in answered.media] == [
        (conversation_pb2.MEDIA_KIND_CUSTOMER_AUDIO, 11),
        (conversation_pb2.MEDIA_KIND_CUSTOMER_IMAGE, len(PNG)),
        (conversation_pb2.MEDIA_KIND_ANSWER_AUDIO, len("".join(ANSWER)) + 4),
    ]
    assert (interrupted.text, interrupted.answer) == ("was interrupted", "")
    assert handed_over.handoff.reason == dialogue_pb2.HANDOFF_REASON_REQUESTED
    assert handed_over.decision == dialogue_pb2.DECISION_HANDOFF
    assert whole.create_time.seconds <= answered.start_time.seconds + 1
    assert not whole.next_page_token

    page = await conversation(gateway, page_size=2)
    rest = await conversation(gateway, page_size=2, page_token=page.next_page_token)
    assert [turn.turn_id for turn in (*page.turns, *rest.turns)] == ["t1", "t2", "t3"]
    assert not rest.next_page_token


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"session_id": "unknown"}, grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND"),
        ({"session_id": ""}, grpc.StatusCode.INVALID_ARGUMENT, "ID_INVALID"),
        ({"page_size": 201}, grpc.StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_INVALID"),
        ({"page_size": -1}, grpc.StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_INVALID"),
        ({"page_token": "garbage"}, grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"),
        ({"page_token": "字"}, grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"),
    ],
)
async def test_bad_questions_for_a_conversation(
    gateway: ServedGateway, fields: dict[str, Any], code: grpc.StatusCode, reason: str
) -> None:
    message = conversation_pb2.GetConversationRequest(**({"session_id": "s1"} | fields))
    answer = await call(Peer.of(gateway.served), GET_CONVERSATION, [message.SerializeToString()])
    assert (answer.code, answer.reason) == (code, reason)


async def test_raw_audio_is_handed_on_with_its_coding(gateway: ServedGateway) -> None:
    audio_input = conversation_pb2.AudioInput(
        content=b"RIFF",
        config=asr_pb2.RecognitionConfig(
            encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8000, language_code="en-US"
        ),
    )
    assert kinds(await take(gateway, spoken(audio=audio_input)))[-1] == "turn_completed"


async def until(happened: Any) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 (what is awaited has no event)
            await asyncio.sleep(0.01)
