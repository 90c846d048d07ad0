"""``KnowledgeService`` on the wire."""

import base64
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import grpc
from frontdesk.dialogue.v1 import knowledge_pb2, knowledge_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.dialogue.domain.loader import LANGUAGES
from services.dialogue.knowledge.base import KnowledgeBase
from services.dialogue.knowledge.records import Document, DocumentRow
from services.dialogue.knowledge.views import Views
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.language import known_language, tell_language
from services.dialogue.ports import Purpose, TextEmbedder
from services.dialogue.retrieval import search
from services.serving.deadlines import remaining_seconds
from services.serving.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from services.serving.identity import current_caller

Context = grpc.aio.ServicerContext[Any, Any]

MAX_DOCUMENTS = 100
MAX_TITLE_CHARACTERS = 300
MAX_TEXT_CHARACTERS = 100_000
MAX_QUERY_CHARACTERS = 2_000
MAX_URI_CHARACTERS = 2_000
MAX_PAGE = 1_000
MAX_HITS = 50

_DOCUMENT_ID = re.compile(r"[A-Za-z0-9._/-]{1,128}")


class KnowledgeServicer(knowledge_pb2_grpc.KnowledgeServiceServicer):
    """Checks requests and converts results; the tenant is the caller's."""

    def __init__(
        self, knowledge: KnowledgeBase, views: Views, embedder: TextEmbedder, words: WordSplitter
    ) -> None:
        self._knowledge = knowledge
        self._views = views
        self._embedder = embedder
        self._words = words

    async def UpsertDocuments(  # noqa: N802 (the RPC's name)
        self, request: knowledge_pb2.UpsertDocumentsRequest, context: Context
    ) -> knowledge_pb2.UpsertDocumentsResponse:
        """Add or replace documents."""
        _check_count("documents", len(request.documents))
        documents = [_document(given, f"documents[{n}]") for n, given in enumerate(request.documents)]
        _check_unique([document.document_id for document in documents])
        results = await self._knowledge.upsert(
            current_caller().tenant, documents, lambda: remaining_seconds(context)
        )
        return knowledge_pb2.UpsertDocumentsResponse(
            documents=[
                knowledge_pb2.UpsertedDocument(
                    document_id=result.document_id,
                    revision=result.revision,
                    passage_count=result.passage_count,
                    unchanged=result.unchanged,
                )
                for result in results
            ]
        )

    async def ListDocuments(  # noqa: N802
        self, request: knowledge_pb2.ListDocumentsRequest, context: Context
    ) -> knowledge_pb2.ListDocumentsResponse:
        """List documents, a page at a time."""
        size = _within("page_size", request.page_size, MAX_PAGE, absent=100)
        language = _language(request.language_code, "language_code") if request.language_code else None
        after = _from_token(request.page_token) if request.page_token else None
        # One more tells whether there is another page.
        rows = await self._knowledge.list_documents(current_caller().tenant, language, after, size + 1)
        return knowledge_pb2.ListDocumentsResponse(
            documents=[_summary(row) for row in rows[:size]],
            next_page_token=_to_token(rows[size - 1]) if len(rows) > size else "",
        )

    async def DeleteDocuments(  # noqa: N802
        self, request: knowledge_pb2.DeleteDocumentsRequest, context: Context
    ) -> knowledge_pb2.DeleteDocumentsResponse:
        """Delete documents, all or none."""
        _check_count("document_ids", len(request.document_ids))
        for number, document_id in enumerate(request.document_ids):
            _check_id(document_id, f"document_ids[{number}]")
        document_ids = list(dict.fromkeys(request.document_ids))
        deleted = await self._knowledge.delete(current_caller().tenant, document_ids)
        return knowledge_pb2.DeleteDocumentsResponse(deleted_count=deleted)

    async def Search(  # noqa: N802
        self, request: knowledge_pb2.SearchRequest, context: Context
    ) -> knowledge_pb2.SearchResponse:
        """Find passages."""
        query = request.query.strip()
        if not query or len(request.query) > MAX_QUERY_CHARACTERS:
            raise InvalidArgument(
                "QUERY_INVALID", f"give a question of 1 to {MAX_QUERY_CHARACTERS} characters", field="query"
            )
        top_k = _within("top_k", request.top_k, MAX_HITS, absent=5)
        asked = _language(request.language_code, "language_code") if request.language_code else None
        view = await self._views.search_view(current_caller().tenant, request.domain)
        found = await self._embedder.embed([query], Purpose.QUERY, timeout_seconds=remaining_seconds(context))
        space = view.index.embedding_model
        if space and found.embedding_model != space:
            raise FailedPrecondition(
                "EMBEDDING_MODEL_MISMATCH",
                f"questions are embedded by {found.embedding_model}, the index by {space}:"
                " publish the domain again",
            )
        default = view.domain.default_language if view.domain else LANGUAGES[0]
        language = asked or tell_language(query, LANGUAGES, default)
        scores = view.index.score(language, found.vectors[0], self._words.split(query, language))
        return knowledge_pb2.SearchResponse(
            hits=[
                knowledge_pb2.SearchHit(
                    passage_id=hit.passage.id,
                    title=hit.passage.title,
                    text=hit.passage.text,
                    language_code=hit.passage.language,
                    uri=hit.passage.uri,
                    score=hit.score,
                    vector_score=hit.cosine,
                    bm25_score=hit.bm25,
                )
                for hit in (search(scores, top_k) if scores else [])
            ],
            embedding_model=found.embedding_model,
        )


def _document(given: knowledge_pb2.Document, place: str) -> Document:
    _check_id(given.document_id, f"{place}.document_id")
    for name, text, most in (
        ("title", given.title, MAX_TITLE_CHARACTERS),
        ("text", given.text, MAX_TEXT_CHARACTERS),
    ):
        if not text.strip() or len(text) > most:
            raise InvalidArgument(
                "DOCUMENT_INVALID", f"{name} must have 1 to {most} characters", field=f"{place}.{name}"
            )
    if len(given.uri) > MAX_URI_CHARACTERS:
        raise InvalidArgument(
            "DOCUMENT_INVALID", f"uri must have at most {MAX_URI_CHARACTERS} characters", field=f"{place}.uri"
        )
    language = _language(given.language_code, f"{place}.language_code")
    return Document(given.document_id, given.title.strip(), given.text, language, given.uri)


def _check_id(document_id: str, field: str) -> None:
    if not _DOCUMENT_ID.fullmatch(document_id):
        raise InvalidArgument(
            "DOCUMENT_ID_INVALID", "an id has 1 to 128 characters from A-Z a-z 0-9 . _ - and /", field=field
        )


def _check_count(field: str, count: int) -> None:
    if not 1 <= count <= MAX_DOCUMENTS:
        raise InvalidArgument("COUNT_INVALID", f"send 1 to {MAX_DOCUMENTS}, not {count}", field=field)


def _check_unique(ids: Sequence[str]) -> None:
    twice = [document_id for document_id, count in Counter(ids).items() if count > 1]
    if twice:
        raise AlreadyExists(
            "DOCUMENT_ID_TWICE", f"the request has these ids more than once: {', '.join(twice[:10])}"
        )


def _within(field: str, value: int, most: int, *, absent: int) -> int:
    if not 0 <= value <= most:
        raise InvalidArgument("OUT_OF_RANGE", f"give 1 to {most}, or leave it out", field=field)
    return value or absent


def _language(code: str, field: str) -> str:
    return known_language(code, LANGUAGES, field)


def _to_token(row: DocumentRow) -> str:
    key = json.dumps([row.document_id, row.language, row.domain_version])
    return base64.urlsafe_b64encode(key.encode()).decode()


def _from_token(token: str) -> tuple[str, str, str]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        document_id, language, domain_version = key
        if not all(isinstance(part, str) for part in key):
            raise ValueError("not texts")
    # Decoding and JSON errors are ValueErrors.
    except (ValueError, TypeError) as error:
        raise InvalidArgument(
            "PAGE_TOKEN_INVALID", "pass on next_page_token as it was returned", field="page_token"
        ) from error
    return document_id, language, domain_version


def _summary(row: DocumentRow) -> knowledge_pb2.DocumentSummary:
    when = Timestamp()
    when.FromMicroseconds(round(row.updated_at * 1e6))
    return knowledge_pb2.DocumentSummary(
        document_id=row.document_id,
        title=row.title,
        language_code=row.language,
        revision=row.revision,
        passage_count=row.passage_count,
        update_time=when,
        domain_version=row.domain_version,
    )
