"""A client of a call that reads nothing, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2

from gateway.converse import Converse
from gateway.credentials import Credentials, Tenant
from gateway.validation import InputLimits
from services.serving.errors import DeadlineExceeded
from services.serving.identity import Caller, set_caller
from services.serving.tokens import TokenMinter, new_key_pair
from tests.fakes.live_recognizer import quiet
from tests.harness.call import LiveDesk
from tests.harness.virtual_time import VirtualClock, run_virtually

CONFIG = conversation_pb2.ConverseConfig(encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8_000)


def test_a_client_that_reads_nothing_is_given_up() -> None:
    async def requests() -> AsyncIterator[conversation_pb2.ConverseRequest]:
        yield conversation_pb2.ConverseRequest(config=CONFIG)
        for frame in quiet(600.0):
            await asyncio.sleep(0.02)
            yield conversation_pb2.ConverseRequest(audio=frame)

    written = []

    async def write(response: conversation_pb2.ConverseResponse) -> Any:
        written.append(response)
        await asyncio.Event().wait()

    async def run() -> float:
        credentials = Credentials((Tenant("demo", "shop", ()),), TokenMinter(new_key_pair()[0]))
        set_caller(Caller("demo", "integrator"))
        calls = LiveDesk(most=1).calls()
        converse = Converse(calls, credentials, InputLimits(4_000, 2**24, 8, 2**23), 5.0)
        with pytest.raises(DeadlineExceeded) as stalled:
            await converse.hold(requests(), write)
        assert stalled.value.reason == "CALL_IDLE"
        assert asyncio.all_tasks() == {asyncio.current_task()}
        with calls.place():  # its place is free
            return VirtualClock().monotonic()

    assert run_virtually(run()) == pytest.approx(5.0, abs=0.1)
    assert [response.WhichOneof("event") for response in written] == ["call_started"]
