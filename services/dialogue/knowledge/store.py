"""Keeps domains, documents and vectors in SQLite: durable before a call returns.

Blocking; run it in a thread. Writers wait for each other (``BEGIN IMMEDIATE``),
readers never wait (write-ahead log).
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from numpy.typing import NDArray
from sqlalchemy.dialects.sqlite import insert

from services.dialogue.knowledge.records import (
    Document,
    DocumentRow,
    DomainRelease,
    PassageRecord,
    StoredPassage,
    Upserted,
    split_document,
)
from services.dialogue.knowledge.schema import (
    current_domains,
    documents,
    domain_versions,
    embeddings,
    passages,
)

Vectors = Mapping[bytes, NDArray[np.float32]]
"""Vectors by ``text_sha256``."""

_FLOATS = np.dtype("<f4")
_VARIABLES = 500
"""Values of one IN (…)."""


class KnowledgeStore:
    """The knowledge of all tenants. No method sees another tenant's rows."""

    def __init__(self, file: Path) -> None:
        """Open or create the database, and bring its schema up to date."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(f"sqlite:///{file}")
        sa.event.listen(self._engine, "connect", _configure)
        sa.event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(begin="IMMEDIATE")
        migrations = Config(attributes={})
        migrations.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._writer.begin() as connection:
            migrations.attributes["connection"] = connection
            command.upgrade(migrations, "head")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def tenants(self) -> list[str]:
        """Give the tenants that have anything."""
        query = sa.union(sa.select(domain_versions.c.tenant), sa.select(documents.c.tenant))
        with self._engine.begin() as connection:
            return sorted(connection.scalars(query))

    def current_domains(self, tenant: str) -> dict[str, str]:
        """Give the version that new sessions use, by the domain's name."""
        columns = (current_domains.c.name, current_domains.c.domain_version)
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(*columns).where(current_domains.c.tenant == tenant))
            return {row.name: row.domain_version for row in rows}

    def release(self, tenant: str, domain_version: str) -> DomainRelease | None:
        """Give a published version, None when there is no such."""
        query = sa.select(domain_versions).where(
            domain_versions.c.tenant == tenant, domain_versions.c.domain_version == domain_version
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return DomainRelease(row.domain_version, row.name, row.bundle, row.embedding_model, row.published_at)

    def publish(
        self, tenant: str, release: DomainRelease, records: Sequence[PassageRecord], vectors: Vectors
    ) -> DomainRelease:
        """Keep a version and make it the current one; give it with the time it was first published."""
        values = {
            "tenant": tenant,
            "domain_version": release.domain_version,
            "name": release.name,
            "bundle": release.bundle,
            "embedding_model": release.embedding_model,
            "published_at": release.published_at,
        }
        with self._writer.begin() as connection:
            connection.execute(
                insert(domain_versions)
                .values(values)
                .on_conflict_do_update(
                    index_elements=["tenant", "domain_version"],
                    set_={"embedding_model": release.embedding_model},
                )
            )
            connection.execute(
                insert(current_domains)
                .values(tenant=tenant, name=release.name, domain_version=release.domain_version)
                .on_conflict_do_update(
                    index_elements=["tenant", "name"], set_={"domain_version": release.domain_version}
                )
            )
            _replace_passages(connection, tenant, release.domain_version, None, records)
            _add_vectors(connection, tenant, release.embedding_model, vectors)
        kept = self.release(tenant, release.domain_version)
        assert kept is not None  # noqa: S101 (written just now)
        return kept

    def activate(self, tenant: str, name: str, domain_version: str) -> None:
        """Make a version that was published before the current one."""
        with self._writer.begin() as connection:
            connection.execute(
                sa.update(current_domains)
                .where(current_domains.c.tenant == tenant, current_domains.c.name == name)
                .values(domain_version=domain_version)
            )

    def upsert(
        self, tenant: str, given: Sequence[Document], embedding_model: str, vectors: Vectors, now: float
    ) -> list[Upserted]:
        """Add or replace documents, all or none; what is the same is left alone."""
        with self._writer.begin() as connection:
            results = [
                _upsert(connection, tenant, document, embedding_model, vectors, now) for document in given
            ]
            _forget_unused_vectors(connection, tenant)
        return results

    def add_vectors(self, tenant: str, embedding_model: str, vectors: Vectors) -> None:
        """Keep vectors of passages that are kept already."""
        with self._writer.begin() as connection:
            _add_vectors(connection, tenant, embedding_model, vectors)

    def delete(self, tenant: str, document_ids: Sequence[str]) -> list[str]:
        """Delete documents and their vectors; give the ids that are missing, and then delete nothing."""
        where = (documents.c.tenant == tenant, documents.c.document_id.in_(document_ids))
        with self._writer.begin() as connection:
            found = set(connection.scalars(sa.select(documents.c.document_id).where(*where)))
            missing = [document_id for document_id in document_ids if document_id not in found]
            if not missing:
                connection.execute(sa.delete(documents).where(*where))
                for document_id in found:
                    _replace_passages(connection, tenant, "", document_id, [])
                _forget_unused_vectors(connection, tenant)
            return missing

    def list_documents(
        self, tenant: str, language: str | None, after: tuple[str, str, str] | None, limit: int
    ) -> list[DocumentRow]:
        """List documents and the current domains' passages, by id, language and domain version.

        ``after`` are these three of the row before.
        """
        counts = sa.func.count().label("passage_count")
        own = (
            sa.select(
                documents.c.document_id,
                documents.c.title,
                documents.c.language,
                documents.c.revision,
                counts,
                documents.c.updated_at,
                sa.literal("").label("domain_version"),
            )
            .join(
                passages,
                sa.and_(
                    passages.c.tenant == documents.c.tenant,
                    passages.c.domain_version == "",
                    passages.c.document_id == documents.c.document_id,
                ),
            )
            .where(documents.c.tenant == tenant)
            .group_by(documents.c.document_id)
        )
        published = (
            sa.select(
                passages.c.document_id,
                passages.c.title,
                passages.c.language,
                sa.literal(1).label("revision"),
                sa.literal(1).label("passage_count"),
                domain_versions.c.published_at.label("updated_at"),
                passages.c.domain_version,
            )
            .join(
                current_domains,
                sa.and_(
                    current_domains.c.tenant == passages.c.tenant,
                    current_domains.c.domain_version == passages.c.domain_version,
                ),
            )
            .join(
                domain_versions,
                sa.and_(
                    domain_versions.c.tenant == passages.c.tenant,
                    domain_versions.c.domain_version == passages.c.domain_version,
                ),
            )
            .where(passages.c.tenant == tenant)
        )
        rows = sa.union_all(own, published).subquery()
        key = sa.tuple_(rows.c.document_id, rows.c.language, rows.c.domain_version)
        query = (
            sa.select(rows).order_by(rows.c.document_id, rows.c.language, rows.c.domain_version).limit(limit)
        )
        if language:
            query = query.where(rows.c.language == language)
        if after:
            query = query.where(key > sa.tuple_(*after))
        with self._engine.begin() as connection:
            return [DocumentRow(**row._mapping) for row in connection.execute(query)]

    def passages(self, tenant: str, domain_version: str) -> list[PassageRecord]:
        """Give the passages of a domain version, or of all documents for the empty version."""
        columns = [column for column in passages.c if column.name not in {"tenant", "text_sha256"}]
        query = (
            sa.select(*columns)
            .where(passages.c.tenant == tenant, passages.c.domain_version == domain_version)
            .order_by(passages.c.document_id, passages.c.position, passages.c.language)
        )
        with self._engine.begin() as connection:
            return [PassageRecord(**row._mapping) for row in connection.execute(query)]

    def vectors(self, tenant: str, embedding_model: str, wanted: Sequence[bytes]) -> dict[bytes, Any]:
        """Give the vectors that are kept of these texts in one space."""
        found: dict[bytes, NDArray[np.float32]] = {}
        with self._engine.begin() as connection:
            for start in range(0, len(wanted), _VARIABLES):
                rows = connection.execute(
                    sa.select(embeddings.c.text_sha256, embeddings.c.vector).where(
                        embeddings.c.tenant == tenant,
                        embeddings.c.embedding_model == embedding_model,
                        embeddings.c.text_sha256.in_(wanted[start : start + _VARIABLES]),
                    )
                )
                for row in rows:
                    found[row.text_sha256] = np.frombuffer(row.vector, _FLOATS).astype(np.float32)
        return found

    def searchable(self, tenant: str, domain_version: str, embedding_model: str) -> list[StoredPassage]:
        """Give the passages of a version (empty: of the documents) that have a vector in the space."""
        records = self.passages(tenant, domain_version)
        vectors = self.vectors(tenant, embedding_model, [record.text_sha256 for record in records])
        return [
            StoredPassage(record, vectors[record.text_sha256])
            for record in records
            if record.text_sha256 in vectors
        ]

    def embedding_models(self, tenant: str) -> list[str]:
        """Give the spaces that vectors are kept in."""
        query = sa.select(embeddings.c.embedding_model).where(embeddings.c.tenant == tenant).distinct()
        with self._engine.begin() as connection:
            return sorted(connection.scalars(query))


def _configure(connection: Any, _: object) -> None:
    # SQLAlchemy's "begin" event begins transactions, not the driver.
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


def _upsert(
    connection: sa.Connection,
    tenant: str,
    document: Document,
    embedding_model: str,
    vectors: Vectors,
    now: float,
) -> Upserted:
    records = split_document(document)
    where = (documents.c.tenant == tenant, documents.c.document_id == document.document_id)
    before = connection.execute(sa.select(documents).where(*where)).one_or_none()
    content = {
        "title": document.title, "text": document.text, "language": document.language, "uri": document.uri,
    }  # fmt: skip
    _add_vectors(
        connection, tenant, embedding_model, {r.text_sha256: vectors[r.text_sha256] for r in records}
    )
    if before is not None and all(getattr(before, key) == value for key, value in content.items()):
        return Upserted(document.document_id, before.revision, len(records), unchanged=True)
    revision = 1 if before is None else before.revision + 1
    values = {"tenant": tenant, "document_id": document.document_id, "revision": revision, "updated_at": now}
    connection.execute(sa.delete(documents).where(*where))
    connection.execute(sa.insert(documents).values({**values, **content}))
    _replace_passages(connection, tenant, "", document.document_id, records, revision)
    return Upserted(document.document_id, revision, len(records), unchanged=False)


def _replace_passages(
    connection: sa.Connection,
    tenant: str,
    domain_version: str,
    document_id: str | None,
    records: Sequence[PassageRecord],
    revision: int = 0,
) -> None:
    where = [passages.c.tenant == tenant, passages.c.domain_version == domain_version]
    if document_id is not None:
        where.append(passages.c.document_id == document_id)
    connection.execute(sa.delete(passages).where(*where))
    if records:
        rows = [
            {
                "tenant": tenant,
                "domain_version": domain_version,
                "passage_id": record.passage_id,
                "language": record.language,
                "document_id": record.document_id,
                "position": record.position,
                "title": record.title,
                "text": record.text,
                "uri": record.uri,
                "revision": revision,
                "text_sha256": record.text_sha256,
            }
            for record in records
        ]
        connection.execute(sa.insert(passages), rows)


def _add_vectors(connection: sa.Connection, tenant: str, embedding_model: str, vectors: Vectors) -> None:
    if vectors:
        rows = [
            {
                "tenant": tenant,
                "text_sha256": sha,
                "embedding_model": embedding_model,
                "vector": vector.astype(_FLOATS).tobytes(),
            }
            for sha, vector in vectors.items()
        ]
        connection.execute(insert(embeddings).on_conflict_do_nothing(), rows)


def _forget_unused_vectors(connection: sa.Connection, tenant: str) -> None:
    used = sa.exists().where(
        passages.c.tenant == embeddings.c.tenant, passages.c.text_sha256 == embeddings.c.text_sha256
    )
    connection.execute(sa.delete(embeddings).where(embeddings.c.tenant == tenant, ~used))
