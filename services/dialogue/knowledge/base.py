"""The knowledge base of every tenant: published, changed, and ready to be searched."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.dialogue.domain.bundle import BundleLimits, unpack
from services.dialogue.domain.loader import load_files
from services.dialogue.domain.problems import BundleError, DomainError
from services.dialogue.domain.types import Domain
from services.dialogue.knowledge.records import (
    Document,
    DocumentRow,
    DomainRelease,
    PassageRecord,
    Upserted,
    split_document,
)
from services.dialogue.knowledge.store import KnowledgeStore, Vectors
from services.dialogue.knowledge.views import Views
from services.dialogue.labels import check_fusion_labels, difference
from services.dialogue.passage_vectors import passage_text, passage_vectors
from services.dialogue.ports import FusionModel, FusionProfile, IntentModel, Purpose, TextEmbedder
from services.serving.errors import (
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)

_T = TypeVar("_T")

EMBED_BATCH = 16
"""Texts of one call, so that a long publication lets customers' questions in between."""


@dataclass(frozen=True, slots=True)
class KnowledgeLimits:
    """How much one tenant may keep."""

    passages: int = 50_000
    passages_a_request: int = 1_000
    violations: int = 100
    """Faults of a bundle that one error names."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published domain."""

    domain: Domain
    published_at: datetime
    unchanged: bool


class KnowledgeBase:
    """Serialises each tenant's writers; what is written is durable and searchable before a call returns."""

    def __init__(
        self,
        store: KnowledgeStore,
        embedder: TextEmbedder,
        intents: IntentModel,
        fusion: FusionModel,
        views: Views,
        now: Callable[[], datetime],
        bundle_limits: BundleLimits,
        limits: KnowledgeLimits,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._intents = intents
        self._fusion = fusion
        self._views = views
        self._now = now
        self._bundle_limits = bundle_limits
        self._limits = limits

    async def publish(
        self, tenant: str, name: str, bundle: bytes, remaining: Callable[[], float]
    ) -> Published:
        """Check, embed and keep a bundle, and make it current. The same content again changes nothing.

        Raises ``InvalidArgument`` (faults, each a violation), ``FailedPrecondition``
        (labels or spaces do not fit the models'), ``ResourceExhausted``.
        """
        domain = await asyncio.to_thread(self._read, name, bundle)
        profile = await self._intents.profile(domain.name, fresh=True)
        if profile.labels != domain.labels:
            raise FailedPrecondition(
                "INTENT_LABELS_MISMATCH",
                f"{profile.model} knows other intents: {difference(profile.labels, domain.labels)}."
                " Export the intent model of this folder, load it, then publish",
            )
        fused = await self._fusion_profile(domain) if domain.pictures else None
        records = [
            PassageRecord(p.id, p.language, p.id, 0, p.title, p.text, "", domain.version)
            for p in domain.passages
        ]
        async with self._views.locks[tenant]:
            taken = {record.document_id for record in await self._passages(tenant, "")}
            if clash := sorted(taken & {record.passage_id for record in records}):
                raise FailedPrecondition(
                    "DOCUMENT_ID_TAKEN",
                    f"documents have the ids of passages: {', '.join(clash[:10])}; delete them or rename",
                )
            probe = await self._embedder.embed([records[0].title], Purpose.QUERY, timeout_seconds=remaining())
            space = probe.embedding_model
            trained_on = {profile.model: profile.embedding_model}
            if fused:
                trained_on[fused.model] = fused.embedding_models.text
            for model, needed in trained_on.items():
                if space != needed:
                    raise FailedPrecondition(
                        "EMBEDDING_MODEL_MISMATCH",
                        f"{model} was trained on {needed}, but texts are embedded by {space}:"
                        " train and export it again",
                    )
            # Documents move along when the vector space changes.
            missing = await self._without_vector(tenant, space, [*records, *await self._passages(tenant, "")])
            before = await asyncio.to_thread(self._store.release, tenant, domain.version)
            if before is not None and before.embedding_model == space and not missing:
                if self._views.current(tenant).get(domain.name) != domain.version:
                    await _finished(self._activate(tenant, domain))
                return Published(domain, datetime.fromtimestamp(before.published_at, UTC), unchanged=True)
            vectors = (await self._embed(missing, remaining))[1]
            release = DomainRelease(domain.version, domain.name, bundle, space, self._now().timestamp())
            kept = await _finished(self._keep(tenant, domain, release, records, vectors))
        return Published(domain, datetime.fromtimestamp(kept.published_at, UTC), unchanged=False)

    async def upsert(
        self, tenant: str, documents: Sequence[Document], remaining: Callable[[], float]
    ) -> list[Upserted]:
        """Add or replace documents, all or none.

        Raises ``AlreadyExists`` for ids of the current domains' passages and
        ``ResourceExhausted`` over the limits.
        """
        records = [record for document in documents for record in split_document(document)]
        if len(records) > self._limits.passages_a_request:
            raise ResourceExhausted(
                "TOO_MANY_PASSAGES",
                f"the documents have {len(records)} passages: send at most"
                f" {self._limits.passages_a_request} in one request",
            )
        async with self._views.locks[tenant]:
            published = {
                record.passage_id
                for version in self._views.current(tenant).values()
                for record in await self._passages(tenant, version)
            }
            if clash := sorted(published & {document.document_id for document in documents}):
                raise AlreadyExists(
                    "DOCUMENT_ID_TAKEN",
                    f"the published domain has passages with the ids {', '.join(clash[:10])}: choose others",
                )
            replaced = {document.document_id for document in documents}
            kept = [r for r in await self._passages(tenant, "") if r.document_id not in replaced]
            if len(kept) + len(records) > self._limits.passages:
                raise ResourceExhausted(
                    "TOO_MANY_PASSAGES", f"over the limit of {self._limits.passages} passages: delete some"
                )
            space, vectors = await self._embed(records, remaining)
            return await _finished(self._write_documents(tenant, documents, space, vectors))

    async def delete(self, tenant: str, document_ids: Sequence[str]) -> int:
        """Delete documents, all or none. Raises ``NotFound`` naming the ids that are missing."""
        async with self._views.locks[tenant]:
            missing = await _finished(self._delete_documents(tenant, document_ids))
        if missing:
            raise NotFound(
                "DOCUMENT_NOT_FOUND",
                f"no document has these ids, nothing was deleted: {', '.join(missing[:10])}"
                " (a domain's passages go when a version without them is published)",
                metadata={"document_ids": ",".join(missing[:100])},
            )
        return len(document_ids)

    async def list_documents(
        self, tenant: str, language: str | None, after: tuple[str, str, str] | None, limit: int
    ) -> list[DocumentRow]:
        """List documents and the current domains' passages; see the store."""
        return await asyncio.to_thread(self._store.list_documents, tenant, language, after, limit)

    def _read(self, name: str, bundle: bytes) -> Domain:
        try:
            domain = load_files(unpack(bundle, self._bundle_limits))
        except BundleError as error:
            raise InvalidArgument("BUNDLE_INVALID", str(error), field="chunk") from error
        except DomainError as error:
            count = len(error.problems)
            raise InvalidArgument(
                "DOMAIN_INVALID",
                f"the domain has {count} fault(s): run `frontdesk domain check DIR`",
                violations=[
                    FieldViolation(f"{problem.file}:{problem.line}", problem.message)
                    for problem in error.problems[: self._limits.violations]
                ],
            ) from error
        if domain.name != name:
            raise InvalidArgument(
                "DOMAIN_NAME_MISMATCH", f"the bundle's domain.yaml names {domain.name!r}", field="config.name"
            )
        return domain

    async def _fusion_profile(self, domain: Domain) -> FusionProfile:
        try:
            profile = await self._fusion.profile(domain.name, fresh=True)
        except Unavailable as error:
            # Triton is there: it has just described the intent model.
            raise FailedPrecondition(
                "FUSION_MODEL_MISSING",
                f"{domain.version} has pictures, but no fusion model is served for it: train one"
                " (`python -m training.fusion --domain DIR`), export it (`python -m training.export"
                " --domain DIR`) and load it, then publish",
            ) from error
        check_fusion_labels(profile, domain)
        return profile

    async def _passages(self, tenant: str, version: str) -> list[PassageRecord]:
        return await asyncio.to_thread(self._store.passages, tenant, version)

    async def _without_vector(
        self, tenant: str, space: str, records: Sequence[PassageRecord]
    ) -> list[PassageRecord]:
        wanted = {record.text_sha256: record for record in records}
        known = await asyncio.to_thread(self._store.vectors, tenant, space, list(wanted))
        return [record for key, record in wanted.items() if key not in known]

    async def _embed(
        self, records: Sequence[PassageRecord], remaining: Callable[[], float]
    ) -> tuple[str, Vectors]:
        """Give the vector space, and each passage's vector in it."""
        wanted = {record.text_sha256: record for record in records}
        texts = {key: passage_text(record.title, record.text) for key, record in wanted.items()}
        embedded = await self._embed_texts(list(texts.values()), Purpose.PASSAGE, remaining)
        asked = await self._embed_texts([r.title for r in wanted.values()], Purpose.QUERY, remaining)
        spaces = {space for space, _ in (*embedded.values(), *asked.values())}
        if len(spaces) > 1:
            raise FailedPrecondition(
                "EMBEDDING_MODEL_CHANGED", "the text encoder was just replaced: try again"
            )
        if not wanted:
            return "", {}
        vectors = passage_vectors(
            np.stack([embedded[text][1] for text in texts.values()]),
            np.stack([asked[record.title][1] for record in wanted.values()]),
        )
        return spaces.pop(), dict(zip(wanted, vectors, strict=True))

    async def _embed_texts(
        self, texts: Sequence[str], purpose: Purpose, remaining: Callable[[], float]
    ) -> dict[str, tuple[str, NDArray[np.float32]]]:
        """Give each text's vector space and vector; texts of similar length are embedded together."""
        ordered = sorted(set(texts), key=lambda text: (len(text), text))
        found: dict[str, tuple[str, NDArray[np.float32]]] = {}
        for start in range(0, len(ordered), EMBED_BATCH):
            batch = ordered[start : start + EMBED_BATCH]
            embeddings = await self._embedder.embed(batch, purpose, timeout_seconds=remaining())
            for text, vector in zip(batch, embeddings.vectors, strict=True):
                found[text] = (embeddings.embedding_model, vector)
        return found

    async def _keep(
        self,
        tenant: str,
        domain: Domain,
        release: DomainRelease,
        records: Sequence[PassageRecord],
        vectors: Vectors,
    ) -> DomainRelease:
        kept = await asyncio.to_thread(self._store.publish, tenant, release, records, vectors)
        await self._views.refresh(tenant, domain)
        return kept

    async def _activate(self, tenant: str, domain: Domain) -> None:
        await asyncio.to_thread(self._store.activate, tenant, domain.name, domain.version)
        await self._views.refresh(tenant, domain)

    async def _write_documents(
        self, tenant: str, documents: Sequence[Document], space: str, vectors: Vectors
    ) -> list[Upserted]:
        now = self._now().timestamp()
        results = await asyncio.to_thread(self._store.upsert, tenant, documents, space, vectors, now)
        if not all(result.unchanged for result in results):
            await self._views.refresh(tenant)
        return results

    async def _delete_documents(self, tenant: str, document_ids: Sequence[str]) -> list[str]:
        missing = await asyncio.to_thread(self._store.delete, tenant, document_ids)
        if not missing:
            await self._views.refresh(tenant)
        return missing


async def _finished(work: Coroutine[Any, Any, _T]) -> _T:
    """Await what must not be left half done, even when the caller goes away."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
