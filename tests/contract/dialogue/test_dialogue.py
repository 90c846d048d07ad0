"""DialogueService and KnowledgeService on real sockets, their models replaced by fakes."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc, knowledge_pb2, knowledge_pb2_grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from services.dialogue.knowledge.records import Document
from services.dialogue.knowledge_servicer import KnowledgeServicer
from services.dialogue.servicer import DialogueServicer
from services.serving.errors import Unavailable
from services.serving.server import Registration
from services.serving.status import decode
from tests.contract.conformance import Check, GoodRequest, Peer, conformance
from tests.fakes.dialogue import DialogueParts, embedded
from tests.harness.grpc_server import Served, serving

DIALOGUE = dialogue_pb2.DESCRIPTOR.services_by_name["DialogueService"]
KNOWLEDGE = knowledge_pb2.DESCRIPTOR.services_by_name["KnowledgeService"]
MAX_BUNDLE_BYTES = 1024 * 1024
HELLO = dialogue_pb2.CustomerInput(text="my hello cable question")


def registrations(parts: DialogueParts) -> list[Registration]:
    dialogue = DialogueServicer(
        parts.responder,
        parts.base,
        parts.views,
        max_text_characters=1000,
        max_bundle_bytes=MAX_BUNDLE_BYTES,
    )
    knowledge = KnowledgeServicer(parts.base, parts.views, parts.embedder, parts.words)
    return [
        Registration(DIALOGUE.full_name, dialogue_pb2_grpc.add_DialogueServiceServicer_to_server, dialogue),
        Registration(
            KNOWLEDGE.full_name, knowledge_pb2_grpc.add_KnowledgeServiceServicer_to_server, knowledge
        ),
    ]


@pytest.fixture
def parts(tmp_path: Path) -> DialogueParts:
    return DialogueParts(tmp_path)


@pytest_asyncio.fixture
async def empty(parts: DialogueParts) -> AsyncIterator[Served]:
    async with serving(registrations(parts)) as running:
        yield running
    parts.store.close()


@pytest_asyncio.fixture
async def served(parts: DialogueParts, empty: Served) -> Served:
    await parts.publish()
    return empty


def upload(bundle: bytes, name: str = "kiosk", sha256: str = "", size: int = -1) -> list[Message]:
    config = dialogue_pb2.DomainBundleConfig(
        name=name,
        sha256=sha256 or hashlib.sha256(bundle).hexdigest(),
        size_bytes=len(bundle) if size < 0 else size,
    )
    chunks = [bundle[start : start + 1000] for start in range(0, len(bundle), 1000)]
    return [
        dialogue_pb2.PublishDomainRequest(config=config),
        *(dialogue_pb2.PublishDomainRequest(chunk=chunk) for chunk in chunks),
    ]


def good(parts: DialogueParts) -> dict[str, GoodRequest]:
    document = knowledge_pb2.Document(document_id="park", title="Park", text="Open.", language_code="en")

    async def delete(_: Peer) -> Sequence[Message]:
        await parts.base.upsert("demo", [_as_document("gone")], lambda: 10.0)
        return [knowledge_pb2.DeleteDocumentsRequest(document_ids=["gone"])]

    return {
        "Respond": [dialogue_pb2.RespondRequest(input=HELLO)],
        "Understand": [dialogue_pb2.UnderstandRequest(input=HELLO)],
        "PublishDomain": upload(parts.bundle),
        "UpsertDocuments": [knowledge_pb2.UpsertDocumentsRequest(documents=[document])],
        "ListDocuments": [knowledge_pb2.ListDocumentsRequest()],
        "DeleteDocuments": delete,
        "Search": [knowledge_pb2.SearchRequest(query="cancel my order")],
    }


@conformance(DIALOGUE, KNOWLEDGE)
async def test_conforms(method: MethodDescriptor, check: Check, parts: DialogueParts, served: Served) -> None:
    await check(Peer.of(served), method, good(parts)[method.name])


async def respond(served: Served, **fields: object) -> list[dialogue_pb2.RespondResponse]:
    stub = dialogue_pb2_grpc.DialogueServiceStub(served.channel)
    request = dialogue_pb2.RespondRequest(**{"input": HELLO, **fields})  # type: ignore[arg-type]
    return [response async for response in stub.Respond(request, timeout=5)]


async def publish(served: Served, messages: Sequence[Message]) -> dialogue_pb2.PublishDomainResponse:
    stub = dialogue_pb2_grpc.DialogueServiceStub(served.channel)
    return await stub.PublishDomain(iter(messages), timeout=10)  # type: ignore[arg-type]


def refusal(caught: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> tuple[grpc.StatusCode, str]:
    told = decode(caught.value)
    assert told is not None
    return caught.value.code(), told.reason


async def test_a_turn_goes_from_understanding_to_completed(served: Served, parts: DialogueParts) -> None:
    text = dialogue_pb2.CustomerInput(
        text="my order cable question: cancelling an order", language_code="en-US"
    )
    responses = await respond(served, input=text)

    assert [response.WhichOneof("event") for response in responses] == [
        "understanding",
        "answer_delta",
        "citation",
        "completed",
    ]
    understanding, _, citation, completed = responses
    assert understanding.understanding.model == "intent_kiosk@1"
    assert understanding.understanding.intents[0].intent == "order_change"
    assert citation.citation.passage_id == "order-cancel"
    assert citation.citation.source_version == parts.domain.version
    assert completed.completed.decision == dialogue_pb2.DECISION_ANSWER
    assert completed.completed.state.domain_version == parts.domain.version
    assert completed.completed.state.turn_count == 1

    again = await respond(served, state=completed.completed.state)
    assert again[-1].completed.state.turn_count == 2


async def test_a_domain_with_an_encoder_of_its_own_is_understood_by_it(tmp_path: Path) -> None:
    parts = DialogueParts(tmp_path, fine_tuned=True)
    await parts.publish()
    async with serving(registrations(parts)) as running:
        responses = await respond(running)
        stub = dialogue_pb2_grpc.DialogueServiceStub(running.channel)
        found = await stub.Understand(dialogue_pb2.UnderstandRequest(input=HELLO), timeout=5)
    assert responses[0].understanding.model == found.understanding.model == "understanding_kiosk@1"
    assert responses[-1].completed.answer == "Hello, this is Kiosk."
    parts.store.close()


@pytest.mark.parametrize("text", ["", " \n"])
async def test_nothing_said_is_asked_back(served: Served, text: str) -> None:
    understanding, *said, last = await respond(served, input=dialogue_pb2.CustomerInput(text=text))

    assert understanding.understanding.confidence == 0.0
    assert "".join(response.answer_delta for response in said) == "What can I do for you?"
    assert last.completed.decision == dialogue_pb2.DECISION_ASK_BACK
    assert last.completed.state.consecutive_clarifications == 1


async def test_publishing_twice_changes_nothing(empty: Served, parts: DialogueParts) -> None:
    first = await publish(empty, upload(parts.bundle))
    second = await publish(empty, upload(parts.bundle))
    assert (first.unchanged, second.unchanged) == (False, True)
    assert first.domain_version == second.domain_version == parts.domain.version
    assert first.publish_time == second.publish_time
    assert (first.passage_count, first.intent_count) == (6, 3)


async def test_nothing_published(empty: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await respond(empty)
    assert refusal(caught) == (grpc.StatusCode.FAILED_PRECONDITION, "NOTHING_PUBLISHED")


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"input": None}, "INVALID_ARGUMENT", "INPUT_MISSING"),
        ({"input": dialogue_pb2.CustomerInput(text="x" * 1001)}, "INVALID_ARGUMENT", "TEXT_TOO_LONG"),
        (
            {"input": dialogue_pb2.CustomerInput(text="hi", language_code="fr")},
            "INVALID_ARGUMENT",
            "LANGUAGE_UNKNOWN",
        ),
        ({"domain": "other"}, "NOT_FOUND", "DOMAIN_NOT_FOUND"),
        (
            {"state": dialogue_pb2.ConversationState(schema_version=2)},
            "INVALID_ARGUMENT",
            "STATE_VERSION_UNKNOWN",
        ),
        (
            {"state": dialogue_pb2.ConversationState(schema_version=1, domain_version="kiosk@0")},
            "FAILED_PRECONDITION",
            "DOMAIN_VERSION_GONE",
        ),
    ],
)
async def test_bad_turns(served: Served, fields: dict[str, object], code: str, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await respond(served, **fields)
    assert refusal(caught) == (grpc.StatusCode[code], reason)


@pytest.mark.parametrize(
    ("sentence", "model", "code", "reason"),
    [
        (embedded("hi"), "other@1", "FAILED_PRECONDITION", "EMBEDDING_MODEL_MISMATCH"),
        (embedded("hi"), "", "INVALID_ARGUMENT", "EMBEDDING_MODEL_MISSING"),
        ([], "letters@1", "INVALID_ARGUMENT", "EMBEDDING_INVALID"),
        ([float("nan")] * 384, "letters@1", "INVALID_ARGUMENT", "EMBEDDING_INVALID"),
        ([1e30] * 384, "letters@1", "INVALID_ARGUMENT", "EMBEDDING_INVALID"),
        ([1.0], "letters@1", "INVALID_ARGUMENT", "EMBEDDING_INVALID"),
    ],
)
async def test_bad_embeddings(
    served: Served, sentence: Sequence[float], model: str, code: str, reason: str
) -> None:
    given = dialogue_pb2.CustomerInput(text="hi", embedding_model=model)
    given.text_embedding.sentence.extend(sentence)
    given.text_embedding.SetInParent()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await respond(served, input=given)
    assert refusal(caught) == (grpc.StatusCode[code], reason)


def _broken_uploads(bundle: bytes) -> dict[str, list[Message]]:
    messages = upload(bundle)
    return {
        "BUNDLE_HASH_MISMATCH": upload(bundle, sha256="0" * 64),
        "BUNDLE_SIZE_MISMATCH": messages[:-1],
        "CONFIG_OUT_OF_PLACE": messages[1:],
        "DOMAIN_NAME_INVALID": upload(bundle, name="../kiosk"),
        "DOMAIN_NAME_MISMATCH": upload(bundle, name="other"),
        "SHA256_INVALID": upload(bundle, sha256="short"),
        "BUNDLE_EMPTY": upload(b""),
        "CONFIG_MISSING": [],
        "REQUEST_EMPTY": [dialogue_pb2.PublishDomainRequest()],
        "BUNDLE_INVALID": upload(b"no archive"),
        "CHUNK_TOO_LARGE": [
            upload(b"x", size=MAX_BUNDLE_BYTES)[0],
            dialogue_pb2.PublishDomainRequest(chunk=b"x" * (1024 * 1024 + 1)),
        ],
    }


@pytest.mark.parametrize("reason", list(_broken_uploads(b"bundle")))
async def test_broken_uploads(empty: Served, parts: DialogueParts, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await publish(empty, _broken_uploads(parts.bundle)[reason])
    assert refusal(caught) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert not (await publish(empty, upload(parts.bundle))).unchanged


async def test_a_bundle_over_the_limit(empty: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await publish(empty, upload(b"x", size=MAX_BUNDLE_BYTES + 1))
    assert refusal(caught) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUNDLE_TOO_LARGE")


async def test_documents_live_beside_the_domain(served: Served) -> None:
    stub = knowledge_pb2_grpc.KnowledgeServiceStub(served.channel)
    document = knowledge_pb2.Document(
        document_id="park/hours",
        title="The kiosk in the park",
        text="It opens at nine.\n\nIt closes at six.",
        language_code="en",
        uri="https://example.test/park",
    )
    (stored,) = (
        await stub.UpsertDocuments(knowledge_pb2.UpsertDocumentsRequest(documents=[document]), timeout=5)
    ).documents
    assert (stored.revision, stored.passage_count) == (1, 2)

    found = await stub.Search(
        knowledge_pb2.SearchRequest(query="kiosk in the park opens", top_k=2), timeout=5
    )
    assert [hit.passage_id for hit in found.hits] == ["park/hours#1", "park/hours#2"]
    assert found.hits[0].uri == "https://example.test/park"
    assert found.embedding_model == "letters@1"

    listed, token = [], ""
    while True:
        page = await stub.ListDocuments(
            knowledge_pb2.ListDocumentsRequest(page_size=3, page_token=token), timeout=5
        )
        listed += [(summary.document_id, summary.language_code) for summary in page.documents]
        token = page.next_page_token
        if not token:
            break
    assert len(listed) == 7
    assert listed == sorted(listed)
    assert ("park/hours", "en") in listed


@pytest.mark.parametrize(
    ("documents", "code"),
    [
        ([], "INVALID_ARGUMENT"),
        ([{"document_id": "a b"}], "INVALID_ARGUMENT"),
        ([{"text": "  "}], "INVALID_ARGUMENT"),
        ([{"title": "x" * 301}], "INVALID_ARGUMENT"),
        ([{"language_code": "fr"}], "INVALID_ARGUMENT"),
        ([{}, {}], "ALREADY_EXISTS"),
        ([{"document_id": "order-cancel"}], "ALREADY_EXISTS"),
        ([{"text": "a\n\n" * 1001}], "RESOURCE_EXHAUSTED"),
    ],
)
async def test_bad_documents(served: Served, documents: list[dict[str, str]], code: str) -> None:
    right = {"document_id": "a", "title": "T", "text": "Text.", "language_code": "en"}
    request = knowledge_pb2.UpsertDocumentsRequest(
        documents=[knowledge_pb2.Document(**{**right, **given}) for given in documents]
    )
    stub = knowledge_pb2_grpc.KnowledgeServiceStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.UpsertDocuments(request, timeout=5)
    assert caught.value.code() is grpc.StatusCode[code]


async def test_deleting_names_what_is_missing(served: Served) -> None:
    stub = knowledge_pb2_grpc.KnowledgeServiceStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.DeleteDocuments(
            knowledge_pb2.DeleteDocumentsRequest(document_ids=["order-cancel", "nope"]), timeout=5
        )
    assert refusal(caught) == (grpc.StatusCode.NOT_FOUND, "DOCUMENT_NOT_FOUND")
    assert "nope" in str(caught.value.details())


@pytest.mark.parametrize("token", ["garbage", "W10=", "WzEsMiwzXQ==", "✗"])
async def test_bad_page_tokens(served: Served, token: str) -> None:
    stub = knowledge_pb2_grpc.KnowledgeServiceStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListDocuments(knowledge_pb2.ListDocumentsRequest(page_token=token), timeout=5)
    assert refusal(caught) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


async def test_without_its_models_it_says_unavailable_and_recovers(
    served: Served, parts: DialogueParts
) -> None:
    parts.embedder.fail_with = Unavailable("TEXT_UNAVAILABLE", "away")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await respond(served)
    assert refusal(caught) == (grpc.StatusCode.UNAVAILABLE, "TEXT_UNAVAILABLE")
    parts.embedder.fail_with = None
    assert (await respond(served))[-1].completed.answer == "Hello, this is Kiosk."


async def test_another_tenant_sees_nothing(served: Served, parts: DialogueParts) -> None:
    async with serving(registrations(parts), tenant="other") as other:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await respond(other)
        assert refusal(caught)[1] == "NOTHING_PUBLISHED"
        stub = knowledge_pb2_grpc.KnowledgeServiceStub(other.channel)
        assert not (await stub.ListDocuments(knowledge_pb2.ListDocumentsRequest(), timeout=5)).documents


def _as_document(document_id: str) -> Document:
    return Document(document_id, "Title", "Text.", "en", "")
