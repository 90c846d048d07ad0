"""Live calls by the Python client, over a real connection."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import numpy as np
import pytest

from gateway.cli.call_coding import CallFormat, Coding
from gateway.cli.call_player import CallEnd, PlayedCall, play_call
from gateway.cli.call_voice import Recording
from gateway.client import Call, FrontdeskApiError, FrontdeskClient
from tests.contract.gateway.turns import until
from tests.fakes.call_gateway import MULAW, CallGateway, holding_calls

FRAME = b"\xff" * 160  # silence


@pytest.fixture
def peer() -> CallGateway:
    return CallGateway()


@pytest.fixture
async def client(peer: CallGateway) -> AsyncIterator[FrontdeskClient]:
    async with holding_calls(peer) as target:
        with FrontdeskClient(target, "fd_demo") as connected:
            yield connected


async def test_everything_that_can_be_sent_arrives_and_events_come(
    client: FrontdeskClient, peer: CallGateway
) -> None:
    async with client.converse(MULAW) as call:
        await call.send_audio(FRAME)
        await call.send_text("hello")
        await call.send_image(b"PNG")
        await call.send_dtmf("12#")
        await call.report_playback("t1", 1.25)
        await call.hang_up()
        kinds = [event.WhichOneof("event") async for event in call]
    assert kinds == ["call_started", "goodbye"]
    assert (peer.credentials, peer.configs) == (["Bearer fd_demo"], [MULAW])
    assert [request.WhichOneof("request") for request in peer.requests] == [
        *("audio", "text", "image", "dtmf", "playback", "hang_up")
    ]
    assert (peer.of("audio"), peer.of("text"), peer.of("image")[0].content) == ([FRAME], ["hello"], b"PNG")
    assert peer.of("dtmf")[0].digits == "12#"
    assert (peer.of("playback")[0].turn_id, peer.of("playback")[0].position.ToMilliseconds()) == ("t1", 1250)


async def test_tasks_may_send_at_the_same_time(client: FrontdeskClient, peer: CallGateway) -> None:
    async with client.converse(MULAW) as call:
        await asyncio.gather(*(call.send_audio(FRAME) for _ in range(50)), call.send_text("hello"))
        await call.hang_up()
        assert [event.WhichOneof("event") async for event in call][-1] == "goodbye"
    assert (len(peer.of("audio")), len(peer.of("text"))) == (50, 1)


async def test_who_half_closes_still_listens(client: FrontdeskClient, peer: CallGateway) -> None:
    async with client.converse(MULAW) as call:
        await call.send_audio(FRAME)
        await call.half_close()
        assert [event.WhichOneof("event") async for event in call] == ["call_started", "goodbye"]
    assert not peer.of("hang_up")


async def test_what_is_sent_after_the_end_goes_nowhere(client: FrontdeskClient, peer: CallGateway) -> None:
    async with client.converse(MULAW) as call:
        await call.hang_up()
        async for _ in call:
            pass
        await call.send_audio(FRAME)
        await call.half_close()
    assert not peer.of("audio")


async def test_leaving_is_vanishing(client: FrontdeskClient, peer: CallGateway) -> None:
    async with client.converse(MULAW) as call:
        assert (await anext(aiter(call))).HasField("call_started")
    await until(lambda: peer.left == 1)


async def test_a_call_too_many_is_refused_and_sends_do_not_fail(
    client: FrontdeskClient, peer: CallGateway
) -> None:
    peer.capacity = 0
    async with client.converse(MULAW) as call:
        with pytest.raises(FrontdeskApiError) as refused:
            async for _ in call:
                pass
        await call.send_audio(FRAME)
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_how_a_call_ended_is_told_however_much_was_being_sent(
    client: FrontdeskClient, peer: CallGateway
) -> None:
    peer.breaks_off = 20
    for _ in range(20):  # each of them would be INTERNAL with a chance of a half
        peer.requests.clear()
        async with client.converse(MULAW) as call:
            sending = asyncio.create_task(sends_much(call))
            with pytest.raises(FrontdeskApiError) as failed:
                async for _ in call:
                    pass
            await sending
        assert failed.value.code is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_goodbye_is_the_end_however_much_was_being_sent(client: FrontdeskClient) -> None:
    for _ in range(20):
        async with client.converse(MULAW) as call:
            sending = asyncio.create_task(sends_much(call, hangs_up_after=20))
            assert [event.WhichOneof("event") async for event in call] == ["call_started", "goodbye"]
            await sending


async def sends_much(call: Call, hangs_up_after: int = 1000) -> None:
    for number in range(200):
        if number == hangs_up_after:
            await call.hang_up()
        await call.send_audio(FRAME * 100)


async def test_the_time_given_bounds_the_call(client: FrontdeskClient) -> None:
    async with client.converse(MULAW, timeout_seconds=0.3) as call:
        with pytest.raises(FrontdeskApiError) as refused:
            async for _ in call:
                pass
    assert refused.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_an_absent_gateway_is_named() -> None:
    with FrontdeskClient("127.0.0.1:1", "key") as client:
        async with client.converse(MULAW) as call:
            with pytest.raises(FrontdeskApiError, match=r"127\.0\.0\.1:1 cannot be reached"):
                async for _ in call:
                    pass


@pytest.mark.parametrize(
    ("coding", "rate"), [("linear16", 16000), ("mulaw", 8000), ("alaw", 8000), ("opus", 48000)]
)
async def test_a_recording_is_played_in_each_coding(
    client: FrontdeskClient, peer: CallGateway, coding: str, rate: int
) -> None:
    call_format = CallFormat(Coding(coding), rate)
    config = type(MULAW)(encoding=Coding(coding).on_the_wire, sample_rate_hertz=rate)
    times = np.arange(round(0.4 * rate)) / rate
    speech = (8000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)

    async def hold() -> PlayedCall:
        async with client.converse(config) as call:
            return await play_call(
                call, Recording(speech), call_format, end=CallEnd(quiet_seconds=1.0, limit_seconds=5.0)
            )

    played = await hold()
    kinds = [timed.event.WhichOneof("event") for timed in played.events]
    assert kinds[0] == "call_started"
    assert kinds[-2:] == ["turn_completed", "goodbye"]
    loud = np.flatnonzero(np.abs(played.frontdesk.astype(np.int32)) > 4000) / rate
    assert 0.7 <= loud[0] <= 1.1
    assert loud[-1] - loud[0] == pytest.approx(1.0, abs=0.08)
    assert len(played.customer) == len(played.frontdesk)
