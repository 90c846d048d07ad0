"""``GetConversation``: what was stored of turns."""

from typing import Any

import grpc
import pytest
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2

from services.serving.errors import Unavailable
from tests.contract.conformance import Peer, call
from tests.contract.gateway.turns import GET_CONVERSATION, conversation, picture, request, spoken, take
from tests.fakes.services import ANSWER, PNG, FakeServices
from tests.harness.gateway import ServedGateway


async def test_a_conversation_is_read_back(gateway: ServedGateway, peers: FakeServices) -> None:
    await take(gateway, spoken(text="Order 17", images=[picture("Error 42")]))
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
        (conversation_pb2.MEDIA_KIND_CUSTOMER_IMAGE, len(PNG) + 8),
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
