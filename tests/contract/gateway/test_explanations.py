"""``ExplainTurn`` on real sockets and a real store, before scripted services."""

import asyncio
from typing import Any

import grpc
import pytest
from frontdesk.gateway.v1 import conversation_pb2

from gateway.client import FrontdeskApiError
from services.serving.errors import FailedPrecondition, Unavailable
from tests.contract.conformance import Answer, Peer, call
from tests.fakes.services import PNG, FakeServices
from tests.harness.gateway import API_KEY, OTHER_API_KEY, ServedGateway
from tests.harness.grpc_server import bearer

EXPLAIN_TURN = conversation_pb2.DESCRIPTOR.services_by_name["ConversationService"].methods_by_name[
    "ExplainTurn"
]


async def take(gateway: ServedGateway, **fields: Any) -> None:
    def run() -> None:
        with gateway.client() as client:
            client.take_turn(**({"session_id": "s1", "turn_id": "t1"} | fields))

    await asyncio.to_thread(run)


async def explain(
    gateway: ServedGateway, *, key: str = API_KEY, seconds: float = 5.0, **fields: Any
) -> Answer:
    message = conversation_pb2.ExplainTurnRequest(**({"session_id": "s1", "turn_id": "t1"} | fields))
    peer = Peer(gateway.served.bare_channel, lambda: bearer(key), timeout_seconds=seconds)
    return await call(peer, EXPLAIN_TURN, [message.SerializeToString()])


async def test_a_spoken_and_typed_turn_is_explained_by_the_passage_that_it_cited(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    await take(gateway, text="Order 17", audio=b"RIFF spoken")
    answer = await explain(gateway)
    assert answer.error is None
    [explained] = answer.responses
    assert isinstance(explained, conversation_pb2.ExplainTurnResponse)
    assert (explained.passage_id, explained.intent, explained.probability) == (
        "orders.track",
        "order_status",
        0.25,
    )
    assert {part.modality for part in explained.contributions} == {
        conversation_pb2.MODALITY_SPEECH,
        conversation_pb2.MODALITY_TEXT,
    }
    for part in explained.contributions:
        assert (part.probability_without, part.contribution) == (0.25, 0.0)
        assert part.passage_id_without == "orders.track"
    assert {asked.input.text for asked in peers.understanding} == {
        "where is my order\nOrder 17",
        "Order 17",
        "where is my order",
    }
    assert {(asked.domain_version, asked.passage_id) for asked in peers.understanding} == {
        ("shop@1", "orders.track")
    }
    caller = peers.callers["Understand"]
    assert (caller.tenant, caller.session_id) == ("demo", "s1")


async def test_pictures_are_looked_at_again_and_explained_by_their_regions(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    shown = PNG + b"E-1042"
    await take(gateway, audio=b"RIFF spoken", images=[shown])
    answer = await explain(gateway, include_regions=True)
    assert answer.error is None
    [explained] = answer.responses
    assert isinstance(explained, conversation_pb2.ExplainTurnResponse)
    assert explained.probability == 1.0
    assert {part.modality: part.contribution for part in explained.contributions} == {
        conversation_pb2.MODALITY_SPEECH: 0.25,
        conversation_pb2.MODALITY_ACOUSTIC: 0.25,
        conversation_pb2.MODALITY_IMAGE: 0.25,
        conversation_pb2.MODALITY_IMAGE_TEXT: 0.25,
    }
    [grid] = explained.regions
    assert (grid.image_index, grid.rows, grid.columns, list(grid.contributions)) == (0, 1, 1, [0.25])
    assert [bytes(asked.image) for asked in peers.annotating] == [shown] * 2
    assert [bytes(asked.audio) for asked in peers.recognizing] == [b"RIFF spoken"] * 2


async def test_the_client_explains(gateway: ServedGateway) -> None:
    await take(gateway, text="hello")

    def run() -> conversation_pb2.ExplainTurnResponse:
        with gateway.client() as client:
            return client.explain_turn("s1", "t1", include_regions=True)

    explained = await asyncio.to_thread(run)
    [only] = explained.contributions
    assert (only.modality, only.contribution) == (conversation_pb2.MODALITY_TEXT, 0.25)


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"key": OTHER_API_KEY}, grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND"),
        ({"session_id": "s2"}, grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND"),
        ({"turn_id": "t2"}, grpc.StatusCode.NOT_FOUND, "TURN_NOT_FOUND"),
        ({"session_id": ""}, grpc.StatusCode.INVALID_ARGUMENT, "ID_INVALID"),
        ({"turn_id": "字"}, grpc.StatusCode.INVALID_ARGUMENT, "ID_INVALID"),
    ],
)
async def test_turns_that_are_not_there(
    gateway: ServedGateway, peers: FakeServices, fields: dict[str, Any], code: grpc.StatusCode, reason: str
) -> None:
    await take(gateway, text="hello")
    answer = await explain(gateway, **fields)
    assert (answer.code, answer.reason) == (code, reason)
    assert not peers.understanding


async def test_a_turn_that_was_not_completed(gateway: ServedGateway, peers: FakeServices) -> None:
    peers.failing["Respond"] = FailedPrecondition("NOTHING_PUBLISHED", "publish a domain first")
    with pytest.raises(FrontdeskApiError):
        await take(gateway, text="hello")
    answer = await explain(gateway)
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TURN_NOT_COMPLETED")


async def test_what_dialogue_refuses_is_told(gateway: ServedGateway, peers: FakeServices) -> None:
    await take(gateway, text="hello")
    for refusal in (
        FailedPrecondition("DOMAIN_VERSION_GONE", "the domain version is gone"),
        Unavailable("MODEL_UNAVAILABLE", "the model restarts"),
    ):
        peers.failing["Understand"] = refusal
        answer = await explain(gateway, seconds=2.0)
        assert answer.reason == refusal.reason
    peers.failing.clear()
    assert (await explain(gateway)).error is None


async def test_the_callers_deadline_is_kept_and_its_questions_end_with_it(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    await take(gateway, text="hello")
    peers.hanging.add("Understand")
    answer = await explain(gateway, seconds=0.8)
    assert (answer.code, answer.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "TURN_DEADLINE_EXCEEDED")
    assert answer.seconds < 0.8
    async with asyncio.timeout(5):
        while "Understand" not in peers.cancelled:  # noqa: ASYNC110 (what is awaited has no event)
            await asyncio.sleep(0.01)
