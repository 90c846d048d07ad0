"""Calls that are made again when their service says that repeating is safe."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from services.serving.calls import open_channel
from services.serving.errors import Unavailable
from services.serving.server import Registration
from tests.contract.serving.servicer import DIALOGUE, TTS, Dialogue, Tts, registrations
from tests.harness.grpc_server import Served, serving


class FlakyTts(Tts):
    """Fails twice, then answers."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    async def Synthesize(self, request: Any, context: Any) -> tts_pb2.SynthesizeResponse:  # noqa: N802
        self.calls += 1
        return await super().Synthesize(
            tts_pb2.SynthesizeRequest(text="unavailable") if self.calls % 3 else request, context
        )


class FlakyDialogue(Dialogue):
    """Fails twice, then answers; ``answered_before`` are the messages sent before each failure."""

    def __init__(self, answered_before: Sequence[str] = ()) -> None:
        self.calls = 0
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self._answered_before = answered_before

    async def Respond(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        self.calls += 1
        self.entered.set()
        if request.domain == "hang":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if self.calls % 3:
            for piece in self._answered_before:
                yield dialogue_pb2.RespondResponse(answer_delta=piece)
            raise Unavailable("STORE_UNAVAILABLE", "try again")
        for piece in ("all", "is", "well"):
            yield dialogue_pb2.RespondResponse(answer_delta=piece)


def dialogue_registration(servicer: FlakyDialogue) -> Registration:
    return Registration(DIALOGUE.full_name, dialogue_pb2_grpc.add_DialogueServiceServicer_to_server, servicer)


def respond(channel: grpc.aio.Channel, served: Served, domain: str = "") -> Any:
    stub = dialogue_pb2_grpc.DialogueServiceStub(channel)
    return stub.Respond(dialogue_pb2.RespondRequest(domain=domain), timeout=5, metadata=served.metadata())


async def test_a_unary_call_is_repeated() -> None:
    flaky = FlakyTts()
    async with serving(registrations(flaky)) as served:
        request = tts_pb2.SynthesizeRequest(text="hello")
        async with open_channel(served.target, retried=[TTS.full_name]) as channel:
            stub = tts_pb2_grpc.TtsServiceStub(channel)
            answer = await stub.Synthesize(request, timeout=5, metadata=served.metadata())
            assert answer.audio == b"hello"
            assert flaky.calls == 3
        async with open_channel(served.target) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await tts_pb2_grpc.TtsServiceStub(channel).Synthesize(
                    request, timeout=5, metadata=served.metadata()
                )
            assert flaky.calls == 4


async def test_a_stream_that_fails_before_its_first_message_is_repeated() -> None:
    flaky = FlakyDialogue()
    async with serving([dialogue_registration(flaky)]) as served:
        async with open_channel(served.target, retried=[f"{DIALOGUE.full_name}/Respond"]) as channel:
            pieces = [response.answer_delta async for response in respond(channel, served)]
        assert pieces == ["all", "is", "well"]
        assert flaky.calls == 3
        async with open_channel(served.target) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                _ = [response async for response in respond(channel, served)]
        assert flaky.calls == 4


async def test_a_stream_whose_answer_has_begun_is_not_repeated() -> None:
    flaky = FlakyDialogue(answered_before=["hel"])
    async with (
        serving([dialogue_registration(flaky)]) as served,
        open_channel(served.target, retried=[DIALOGUE.full_name]) as channel,
    ):
        call = respond(channel, served)
        assert (await call.read()).answer_delta == "hel"
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call.read()
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert flaky.calls == 1


async def test_cancelling_a_stream_that_has_not_answered_cancels_it_at_the_peer() -> None:
    flaky = FlakyDialogue()
    async with (
        serving([dialogue_registration(flaky)]) as served,
        open_channel(served.target, retried=[DIALOGUE.full_name]) as channel,
    ):
        call = respond(channel, served, domain="hang")
        reading = asyncio.ensure_future(call.read())
        async with asyncio.timeout(5):
            await flaky.entered.wait()
            reading.cancel()
            call.cancel()
            await flaky.cancelled.wait()


async def test_a_peer_that_is_gone_is_told_in_time() -> None:
    flaky = FlakyDialogue()
    async with serving([dialogue_registration(flaky)]) as served:
        target, metadata = served.target, served.metadata()
    async with open_channel(target, retried=[DIALOGUE.full_name]) as channel:
        stub = dialogue_pb2_grpc.DialogueServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            async with asyncio.timeout(5):
                _ = [
                    r async for r in stub.Respond(dialogue_pb2.RespondRequest(), timeout=2, metadata=metadata)
                ]
        assert failed.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
