"""The conformance checks find what they look for, and pass a whole service with a channel alone."""

from collections.abc import AsyncIterator

import grpc
import pytest
from frontdesk.tts.v1 import tts_pb2_grpc

from tests.contract import conformance
from tests.contract.conformance import Check, Peer, check_service
from tests.contract.serving.servicer import DIALOGUE, TTS, Tts, registrations
from tests.contract.serving.test_conformance import GOOD
from tests.harness.grpc_server import serving


@pytest.fixture
async def plain_peer() -> AsyncIterator[Peer]:
    """A server as gRPC makes it, without anything of ours around the servicer."""
    server = grpc.aio.server()
    tts_pb2_grpc.add_TtsServiceServicer_to_server(Tts(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Peer(channel, lambda: (), max_message_bytes=4 * 1024 * 1024)
    await server.stop(None)


@pytest.mark.parametrize("check", [check for check in conformance.CHECKS if "good" not in check.__name__])  # type: ignore[attr-defined]
async def test_a_plain_server_breaks_every_promise(plain_peer: Peer, check: Check) -> None:
    method = TTS.methods_by_name["Synthesize"]
    await conformance.check_good_request(plain_peer, method, GOOD[method.name])
    with pytest.raises(AssertionError):
        await check(plain_peer, method, GOOD[method.name])


async def test_a_service_is_checked_through_a_channel_alone() -> None:
    async with serving(registrations(Tts())) as served:
        peer = Peer(served.bare_channel, served.metadata)
        for service in (TTS, DIALOGUE):
            await check_service(peer, service, GOOD, generated=50)
