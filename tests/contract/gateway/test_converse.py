"""``Converse`` on real sockets and a real store, before scripted services; by the Python client."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2, conversation_pb2_grpc
from frontdesk.tts.v1 import tts_pb2
from google.protobuf import duration_pb2

from gateway.client import FrontdeskApiError
from services.serving.errors import FailedPrecondition, ResourceExhausted
from tests.contract.gateway.turns import conversation, request, take, until
from tests.fakes.live_recognizer import quiet, say
from tests.fakes.services import ANSWER, PNG, FakeServices
from tests.harness.gateway import ServedGateway, serving_gateway

Event = conversation_pb2.ConverseResponse
QUESTION = "where is my order?"


def config(**fields: Any) -> conversation_pb2.ConverseConfig:
    values: dict[str, Any] = {
        "session_id": "s1",
        "encoding": asr_pb2.AUDIO_ENCODING_MULAW,
        "sample_rate_hertz": 8000,
    }
    return conversation_pb2.ConverseConfig(**(values | fields))


def messages(*frames: bytes) -> list[conversation_pb2.ConverseRequest]:
    """Requests of audio frames."""
    return [conversation_pb2.ConverseRequest(audio=frame) for frame in frames]


async def converse(
    gateway: ServedGateway,
    sent: Sequence[conversation_pb2.ConverseRequest],
    wanted: conversation_pb2.ConverseConfig | None = None,
    *,
    seconds: float = 20.0,
    frame_seconds: float = 0.0,
) -> tuple[list[Event], grpc.aio.AioRpcError | None]:
    """Send all, half-close, and return what came, with the error if the call failed."""

    async def requests() -> AsyncIterator[conversation_pb2.ConverseRequest]:
        yield conversation_pb2.ConverseRequest(config=wanted or config())
        for message in sent:
            await asyncio.sleep(frame_seconds)
            yield message

    stub: Any = conversation_pb2_grpc.ConversationServiceStub(gateway.served.channel)
    events: list[Event] = []
    try:
        async for event in stub.Converse(requests(), timeout=seconds):
            events.append(event)
    except grpc.aio.AioRpcError as error:
        return events, error
    return events, None


def kinds(events: Sequence[Event]) -> list[str]:
    """The events' kinds, those that repeat once."""
    names = [str(event.WhichOneof("event")) for event in events]
    return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


SPOKEN = messages(*say(QUESTION, 1.0), *quiet(1.0))


async def test_a_call_is_heard_answered_and_stored(gateway: ServedGateway, peers: FakeServices) -> None:
    events, error = await converse(gateway, SPOKEN, frame_seconds=0.02)
    assert error is None
    assert kinds(events) == [
        "call_started",
        "speech_started",
        "partial_transcript",
        "end_of_turn",
        "turn_started",
        "final_transcript",
        "understood",
        "answer_text",
        "citation",
        "answer_text",
        "answer_audio",
        "turn_completed",
        "goodbye",
    ]
    assert {event.session_id for event in events} == {"s1"}
    assert events[0].call_started.turn_taking.complete_silence == duration_pb2.Duration(nanos=450_000_000)
    [listened] = peers.listening
    assert listened.client_ends_utterances
    [spoken] = peers.synthesizing
    assert spoken.format == tts_pb2.OutputFormat(
        encoding=tts_pb2.OUTPUT_ENCODING_MULAW, sample_rate_hertz=8000
    )
    stored = await conversation(gateway)
    [turn] = stored.turns
    assert (turn.transcript, turn.answer) == (QUESTION, "".join(ANSWER))
    assert [medium.kind for medium in turn.media] == [
        conversation_pb2.MEDIA_KIND_CUSTOMER_AUDIO,
        conversation_pb2.MEDIA_KIND_ANSWER_AUDIO,
    ]
    assert peers.callers["Respond"].session_id == "s1"


async def test_text_pictures_and_keys_join_the_turn(gateway: ServedGateway, peers: FakeServices) -> None:
    image = conversation_pb2.ConverseRequest(image=conversation_pb2.ImageInput(content=PNG + b"Error 42"))
    dtmf = conversation_pb2.ConverseRequest(dtmf=conversation_pb2.DtmfDigits(digits="17#"))
    events, error = await converse(gateway, [image, dtmf])
    assert error is None
    found = [event for event in events if event.HasField("image_seen")]
    assert found[0].image_seen.lines[0].text == "Error 42"
    assert peers.responding[0].input.text == "17"
    end = next(event.end_of_turn for event in events if event.HasField("end_of_turn"))
    assert end.reason == conversation_pb2.END_OF_TURN_REASON_DTMF


async def test_a_handoff_ends_the_call_after_its_words(gateway: ServedGateway) -> None:
    text = conversation_pb2.ConverseRequest(text="a person please")
    events, error = await converse(gateway, [text, *messages(*quiet(3.0))], frame_seconds=0.02)
    assert error is None
    assert kinds(events)[-3:] == ["answer_audio", "turn_completed", "goodbye"] or "handoff" in kinds(events)
    assert events[-1].goodbye.reason == conversation_pb2.GOODBYE_REASON_HANDOFF


async def test_who_hangs_up_is_told_goodbye(gateway: ServedGateway) -> None:
    hang_up = conversation_pb2.ConverseRequest(hang_up=conversation_pb2.HangUp())
    events, error = await converse(gateway, [*messages(*say(QUESTION, 0.4)), hang_up])
    assert error is None
    assert events[-1].goodbye.reason == conversation_pb2.GOODBYE_REASON_HANG_UP
    assert "turn_started" not in kinds(events)


async def test_one_call_more_than_the_server_holds_is_refused_at_once(
    tmp_path: Path, peers: FakeServices
) -> None:
    async with serving_gateway(tmp_path, peers.registrations(), max_calls=1) as gateway:
        async with gateway.client().converse(config()) as call:
            assert (await anext(aiter(call))).HasField("call_started")
            async with gateway.client().converse(config(session_id="s2")) as refused:
                with pytest.raises(FrontdeskApiError) as error:
                    await anext(aiter(refused))
            assert (error.value.code.name, error.value.reason) == ("RESOURCE_EXHAUSTED", "CALLS_AT_CAPACITY")
        await until(lambda: peers.ear.ended)
        async with gateway.client().converse(config(session_id="s2")) as call:
            assert (await anext(aiter(call))).HasField("call_started")


async def test_a_session_is_in_one_call_or_turn_at_a_time(gateway: ServedGateway) -> None:
    async with gateway.client().converse(config()) as call:
        await anext(aiter(call))
        _, error = await converse(gateway, [])
        assert error is not None
        assert error.code() is grpc.StatusCode.ABORTED
        assert (await take(gateway, request(text="hello"))).code is grpc.StatusCode.ABORTED


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (conversation_pb2.ConverseRequest(config=config()), "INVALID_ARGUMENT", "CONFIG_REPEATED"),
        (conversation_pb2.ConverseRequest(), "INVALID_ARGUMENT", "REQUEST_EMPTY"),
        (conversation_pb2.ConverseRequest(audio=b""), "INVALID_ARGUMENT", "AUDIO_EMPTY"),
        (conversation_pb2.ConverseRequest(audio=bytes(16_001)), "RESOURCE_EXHAUSTED", "AUDIO_TOO_LONG"),
        (conversation_pb2.ConverseRequest(text=" "), "INVALID_ARGUMENT", "TEXT_EMPTY"),
        (conversation_pb2.ConverseRequest(text="x" * 4_001), "RESOURCE_EXHAUSTED", "TEXT_TOO_LONG"),
        (
            conversation_pb2.ConverseRequest(dtmf=conversation_pb2.DtmfDigits(digits="E")),
            "INVALID_ARGUMENT",
            "DTMF_INVALID",
        ),
        (
            conversation_pb2.ConverseRequest(image=conversation_pb2.ImageInput(content=b"GIF89a")),
            "INVALID_ARGUMENT",
            "IMAGE_UNSUPPORTED",
        ),
    ],
)
async def test_bad_messages_end_the_call(
    gateway: ServedGateway, message: conversation_pb2.ConverseRequest, code: str, reason: str
) -> None:
    async with gateway.client().converse(config()) as call:
        await anext(aiter(call))
        await call._send(message)
        with pytest.raises(FrontdeskApiError) as error:
            async for _ in call:
                pass
    assert (error.value.code.name, error.value.reason) == (code, reason)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"encoding": asr_pb2.AUDIO_ENCODING_WAV}, "ENCODING_INVALID"),
        ({"sample_rate_hertz": 11_025}, "SAMPLE_RATE_INVALID"),
        ({"language_code": "fr"}, "LANGUAGE_UNKNOWN"),
        (
            {
                "turn_taking": conversation_pb2.TurnTakingConfig(
                    complete_silence=duration_pb2.Duration(seconds=9)
                )
            },
            "TURN_TAKING_INVALID",
        ),
    ],
)
async def test_a_bad_config_is_refused(gateway: ServedGateway, wanted: dict[str, Any], reason: str) -> None:
    async with gateway.client().converse(config(**wanted)) as call:
        with pytest.raises(FrontdeskApiError) as error:
            await anext(aiter(call))
    assert (error.value.code.name, error.value.reason) == ("INVALID_ARGUMENT", reason)


async def test_a_client_that_vanishes_frees_everything(gateway: ServedGateway, peers: FakeServices) -> None:
    peers.hanging.add("Respond")
    async with gateway.client().converse(config()) as call:
        await anext(aiter(call))
        await call.send_text("hello")
        await until(lambda: peers.responding)
    await until(lambda: "Respond" in peers.cancelled and peers.ear.ended)
    events, error = await converse(gateway, [])  # the session is free
    assert error is None
    assert kinds(events) == ["call_started", "goodbye"]


async def test_a_silent_client_is_given_up(tmp_path: Path, peers: FakeServices) -> None:
    async with (
        serving_gateway(tmp_path, peers.registrations(), call_idle_seconds=0.5) as gateway,
        gateway.client().converse(config()) as call,
    ):
        with pytest.raises(FrontdeskApiError) as error:
            async for _ in call:
                pass
    assert (error.value.code.name, error.value.reason) == ("DEADLINE_EXCEEDED", "CALL_IDLE")


@pytest.mark.parametrize(
    ("method", "failure", "code"),
    [
        ("Respond", FailedPrecondition("DOMAIN_NOT_PUBLISHED", "none"), "FAILED_PRECONDITION"),
        ("StreamingRecognize", ResourceExhausted("STREAMS_AT_CAPACITY", "full"), "RESOURCE_EXHAUSTED"),
    ],
)
async def test_what_ends_a_call_is_told_as_it_is(
    gateway: ServedGateway, peers: FakeServices, method: str, failure: Exception, code: str
) -> None:
    if method == "StreamingRecognize":
        peers.ear.error = failure
    else:
        peers.failing[method] = failure  # type: ignore[assignment]
    async with gateway.client().converse(config()) as call:
        await call.send_text("hello")
        await call.send_audio(quiet(0.02)[0])
        with pytest.raises(FrontdeskApiError) as error:
            async for _ in call:
                pass
    assert error.value.code.name == code


async def test_a_draining_server_says_goodbye(tmp_path: Path, peers: FakeServices) -> None:
    async with (
        serving_gateway(tmp_path, peers.registrations()) as gateway,
        gateway.client().converse(config()) as call,
    ):
        await anext(aiter(call))
        draining = asyncio.create_task(gateway.served.server.drain(5.0))
        last = [event async for event in call][-1]
        assert last.goodbye.reason == conversation_pb2.GOODBYE_REASON_SHUTDOWN
        await draining


async def test_audio_faster_than_it_is_heard_waits_and_memory_stays_flat(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    second = quiet(0.02)[0] * 50

    async def five_minutes() -> None:
        events, error = await converse(gateway, messages(*[second] * 300), seconds=60.0)
        assert error is None
        assert events[-1].HasField("goodbye")

    await five_minutes()
    gc.collect()
    before = psutil.Process().memory_info().rss
    await five_minutes()
    gc.collect()
    assert psutil.Process().memory_info().rss - before < 16 * 2**20
