"""Generated requests against the whole suite: answered or refused properly, whatever is sent."""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2, knowledge_pb2, knowledge_pb2_grpc
from frontdesk.gateway.v1 import conversation_pb2, conversation_pb2_grpc
from frontdesk.text.v1 import text_pb2
from frontdesk.tts.v1 import tts_pb2
from frontdesk.vision.v1 import vision_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from gateway.client import FrontdeskClient
from gateway.settings import GatewaySettings
from services.dialogue.domain.bundle import pack
from services.dialogue.domain.loader import read_folder
from services.local.suite import LocalSuite
from services.text.model import RERANKER
from tests.contract.asr import test_recognize as asr_contract
from tests.contract.conformance import GoodRequest, Peer, check_service
from tests.contract.gateway import test_proxy as proxy_contract
from tests.contract.gateway.turns import SHORT_CALL
from tests.contract.text import test_text_service as text_contract
from tests.contract.tts import test_tts_service as tts_contract
from tests.contract.vision import test_vision_service as vision_contract
from tests.fakes.services import PNG
from tests.harness.grpc_server import bearer
from tests.harness.suite import BUILD, ROOT

pytestmark = pytest.mark.integration

SERVICES: Sequence[ServiceDescriptor] = (
    conversation_pb2.DESCRIPTOR.services_by_name["ConversationService"],
    asr_pb2.DESCRIPTOR.services_by_name["AsrService"],
    vision_pb2.DESCRIPTOR.services_by_name["VisionService"],
    text_pb2.DESCRIPTOR.services_by_name["TextService"],
    tts_pb2.DESCRIPTOR.services_by_name["TtsService"],
    dialogue_pb2.DESCRIPTOR.services_by_name["DialogueService"],
    knowledge_pb2.DESCRIPTOR.services_by_name["KnowledgeService"],
)
GENERATED = 50
CHUNK_BYTES = 2**20
MAX_PROXIED_MESSAGE_BYTES = GatewaySettings.model_fields["max_proxied_message_bytes"].default
SESSION = uuid.uuid4().hex
UPSERT = knowledge_pb2.UpsertDocumentsRequest(
    documents=[
        knowledge_pb2.Document(
            document_id="generated-requests", title="Parking", text="It is free.", language_code="en"
        )
    ]
)
QUESTION = dialogue_pb2.CustomerInput(text="How long does standard delivery take?")
OVERRIDES = {
    **proxy_contract.OVERRIDES,
    **asr_contract.OVERRIDES,
    "frontdesk.gateway.v1.AudioInput.content": asr_contract.near_audio(),
    "frontdesk.gateway.v1.ImageInput.content": st.sampled_from([b"", PNG, b"GIF89a"]),
}


async def new_turn(_: Peer) -> Sequence[Message]:
    turn_id = uuid.uuid4().hex
    return [conversation_pb2.HandleTurnRequest(session_id=SESSION, turn_id=turn_id, text=QUESTION.text)]


async def stored_conversation(peer: Peer) -> Sequence[Message]:
    await store_turn(peer)
    return [conversation_pb2.GetConversationRequest(session_id=SESSION)]


async def stored_turn(peer: Peer) -> Sequence[Message]:
    await store_turn(peer)
    return [conversation_pb2.ExplainTurnRequest(session_id=SESSION, turn_id="first")]


async def store_turn(peer: Peer) -> None:
    stub = conversation_pb2_grpc.ConversationServiceStub(peer.channel)
    turn = conversation_pb2.HandleTurnRequest(session_id=SESSION, turn_id="first", text=QUESTION.text)
    async for _ in stub.HandleTurn(turn, timeout=peer.timeout_seconds, metadata=peer.metadata()):
        pass


async def stored_document(peer: Peer) -> Sequence[Message]:
    stub: Any = knowledge_pb2_grpc.KnowledgeServiceStub(peer.channel)
    await stub.UpsertDocuments(UPSERT, timeout=peer.timeout_seconds, metadata=peer.metadata())
    return [knowledge_pb2.DeleteDocumentsRequest(document_ids=["generated-requests"])]


def publication() -> list[Message]:
    """Publish what is published already: it is checked, and changes nothing."""
    bundle = pack(read_folder(ROOT / "domains" / "shop"))
    config = dialogue_pb2.DomainBundleConfig(
        name="shop", sha256=hashlib.sha256(bundle).hexdigest(), size_bytes=len(bundle)
    )
    return [
        dialogue_pb2.PublishDomainRequest(config=config),
        *(
            dialogue_pb2.PublishDomainRequest(chunk=bundle[start : start + CHUNK_BYTES])
            for start in range(0, len(bundle), CHUNK_BYTES)
        ),
    ]


def good_requests() -> dict[str, GoodRequest]:
    return {
        "HandleTurn": new_turn,
        "Converse": SHORT_CALL,
        "GetConversation": stored_conversation,
        "ExplainTurn": stored_turn,
        **asr_contract.GOOD,
        **{method: [request] for method, request in vision_contract.GOOD.items()},
        **{method: [request] for method, request in text_contract.GOOD.items()},
        **tts_contract.GOOD,
        "Respond": [dialogue_pb2.RespondRequest(input=QUESTION)],
        "Understand": [dialogue_pb2.UnderstandRequest(input=QUESTION)],
        "PublishDomain": publication(),
        "UpsertDocuments": [UPSERT],
        "ListDocuments": [knowledge_pb2.ListDocumentsRequest()],
        "DeleteDocuments": stored_document,
        "Search": [knowledge_pb2.SearchRequest(query=QUESTION.text)],
    }


@pytest.fixture
def knowledge_kept(client: FrontdeskClient) -> Iterator[None]:
    """Delete the documents that the test adds: other tests ask the same knowledge base."""
    stub: Any = knowledge_pb2_grpc.KnowledgeServiceStub(client.channel)

    def document_ids() -> set[str]:
        page = stub.ListDocuments(knowledge_pb2.ListDocumentsRequest(page_size=1000))
        assert not page.next_page_token
        return {document.document_id for document in page.documents}

    before = document_ids()
    yield
    for added in document_ids() - before:
        stub.DeleteDocuments(knowledge_pb2.DeleteDocumentsRequest(document_ids=[added]))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
@pytest.mark.usefixtures("knowledge_kept")
async def test_whatever_is_sent_is_answered_or_refused(suite: LocalSuite, service: ServiceDescriptor) -> None:
    metadata = bearer(suite.api_key_file.read_text())
    # A repository has a reranker only where one was trained.
    without = () if (BUILD / "model_repository" / RERANKER.name).is_dir() else ("Rerank",)
    limit = None if service is SERVICES[0] else MAX_PROXIED_MESSAGE_BYTES
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(suite.endpoint, options=options) as channel:
        peer = Peer(
            channel,
            lambda: metadata,
            max_message_bytes=limit,
            timeout_seconds=30.0,
            overrides=OVERRIDES,
        )
        await check_service(peer, service, good_requests(), generated=GENERATED, without=without)
