"""What is kept is kept: through a crash, beside other writers, apart from other tenants."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from numpy.typing import NDArray

from services.dialogue.knowledge.records import Document, DomainRelease, PassageRecord, split_document
from services.dialogue.knowledge.schema import metadata
from services.dialogue.knowledge.store import KnowledgeStore

MODEL = "letters@1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KnowledgeStore]:
    opened = KnowledgeStore(tmp_path / "data" / "knowledge.db")
    yield opened
    opened.close()


def document(document_id: str, text: str = "Some text.", language: str = "en") -> Document:
    return Document(document_id, f"Title of {document_id}", text, language, "https://example.test/a")


def vectors(*documents: Document) -> dict[bytes, NDArray[np.float32]]:
    records = [record for given in documents for record in split_document(given)]
    return {record.text_sha256: np.full(4, 0.5, np.float32) for record in records}


def upsert(store: KnowledgeStore, *documents: Document, tenant: str = "demo", now: float = 1.0) -> list[int]:
    results = store.upsert(tenant, documents, MODEL, vectors(*documents), now)
    return [result.revision for result in results]


def release(version: str, now: float = 1.0) -> DomainRelease:
    return DomainRelease(version, version.split("@")[0], b"bundle", MODEL, now)


def passage(passage_id: str, version: str, language: str = "en") -> PassageRecord:
    return PassageRecord(passage_id, language, passage_id, 0, "Title", f"Text of {passage_id}.", "", version)


def publish(store: KnowledgeStore, version: str, *ids: str, tenant: str = "demo", now: float = 1.0) -> float:
    records = [passage(passage_id, version) for passage_id in ids]
    found = {record.text_sha256: np.full(4, 0.5, np.float32) for record in records}
    return store.publish(tenant, release(version, now), records, found).published_at


def test_migrations_make_the_schema_that_the_code_uses(tmp_path: Path) -> None:
    KnowledgeStore(tmp_path / "a.db").close()
    KnowledgeStore(tmp_path / "a.db").close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_log_is_written_ahead_and_synchronously(store: KnowledgeStore) -> None:
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_every_table_carries_the_tenant() -> None:
    for table in metadata.tables.values():
        assert table.c[next(iter(table.primary_key.columns)).name].name == "tenant", table.name


def test_documents_split_at_blank_lines() -> None:
    records = split_document(document("guide", "First.\n \nSecond\nstill.\n\n\n\nThird."))
    assert [(r.passage_id, r.text) for r in records] == [
        ("guide#1", "First."),
        ("guide#2", "Second\nstill."),
        ("guide#3", "Third."),
    ]
    assert [r.passage_id for r in split_document(document("guide", "\n\nOne.\n"))] == ["guide"]
    long = split_document(document("long", "word " * 2000))
    assert all(len(record.text) <= 4000 for record in long)
    assert " ".join(record.text for record in long) == ("word " * 2000).strip()


def test_revisions_count_changes_only(store: KnowledgeStore) -> None:
    assert upsert(store, document("a"), document("b")) == [1, 1]
    assert upsert(store, document("a"), document("b", "Other text.")) == [1, 2]
    assert [row.revision for row in store.list_documents("demo", None, None, 10)] == [1, 2]
    assert store.upsert("demo", [document("a")], MODEL, vectors(document("a")), 2.0)[0].unchanged


def test_replaced_and_deleted_texts_leave_no_vectors(store: KnowledgeStore) -> None:
    upsert(store, document("a", "Old."), document("b"))
    upsert(store, document("a", "New."))
    old = vectors(document("a", "Old."))
    assert store.vectors("demo", MODEL, list(old)) == {}
    assert store.delete("demo", ["a", "b"]) == []
    with store._engine.connect() as connection:
        for table in ("documents", "passages", "embeddings"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


def test_deleting_what_is_missing_deletes_nothing(store: KnowledgeStore) -> None:
    upsert(store, document("a"))
    assert store.delete("demo", ["a", "nope", "neither"]) == ["nope", "neither"]
    assert len(store.list_documents("demo", None, None, 10)) == 1


def test_tenants_do_not_see_each_other(store: KnowledgeStore) -> None:
    upsert(store, document("a"), tenant="one")
    publish(store, "shop@1", "p", tenant="one")

    assert store.delete("two", ["a"]) == ["a"]
    assert store.list_documents("two", None, None, 10) == []
    assert store.passages("two", "shop@1") == store.passages("two", "") == []
    assert store.vectors("two", MODEL, list(vectors(document("a")))) == {}
    assert store.release("two", "shop@1") is None
    assert store.current_domains("two") == {}
    assert upsert(store, document("a", "Mine."), tenant="two") == [1]
    assert store.passages("one", "")[0].text == "Some text."
    assert store.tenants() == ["one", "two"]


def test_publishing_makes_current_and_keeps_the_first_time(store: KnowledgeStore) -> None:
    assert publish(store, "shop@1", "p", "q", now=5.0) == 5.0
    assert publish(store, "shop@2", "p", now=6.0) == 6.0
    assert store.current_domains("demo") == {"shop": "shop@2"}
    store.activate("demo", "shop", "shop@1")
    assert store.current_domains("demo") == {"shop": "shop@1"}
    assert publish(store, "shop@1", "p", "q", now=9.0) == 5.0
    assert [record.passage_id for record in store.passages("demo", "shop@2")] == ["p"]
    assert [stored.record.passage_id for stored in store.searchable("demo", "shop@1", MODEL)] == ["p", "q"]
    assert store.searchable("demo", "shop@1", "other@1") == []


def test_vectors_come_back_bit_by_bit(store: KnowledgeStore) -> None:
    given = document("a")
    (sha,) = vectors(given)
    vector = np.random.default_rng(3).standard_normal(384).astype(np.float32)
    store.upsert("demo", [given], MODEL, {sha: vector}, 1.0)
    np.testing.assert_array_equal(store.vectors("demo", MODEL, [sha])[sha], vector)


def test_listing_pages_through_documents_and_passages(store: KnowledgeStore) -> None:
    upsert(store, document("b"), document("d", language="zh"))
    publish(store, "shop@1", "a", "c")
    publish(store, "old@1", "a")

    seen, after = [], None
    while page := store.list_documents("demo", None, after, 2):
        last = page[-1]
        after = (last.document_id, last.language, last.domain_version)
        seen += [(row.document_id, row.domain_version) for row in page]
    assert seen == [("a", "old@1"), ("a", "shop@1"), ("b", ""), ("c", "shop@1"), ("d", "")]
    assert [row.document_id for row in store.list_documents("demo", "zh", None, 10)] == ["d"]


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    stores = [KnowledgeStore(tmp_path / "k.db") for _ in range(2)]

    def write(number: int) -> None:
        upsert(stores[number % 2], document(f"own-{number}"), document("shared", f"Text {number}."))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    rows = stores[0].list_documents("demo", None, None, 100)
    assert len(rows) == 41
    assert next(row.revision for row in rows if row.document_id == "shared") == 40
    for store in stores:
        store.close()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from services.dialogue.knowledge.store import KnowledgeStore
        from tests.unit.dialogue.test_store import document, upsert
        store = KnowledgeStore(Path(sys.argv[1]))
        for number in range(10_000):
            upsert(store, document(f"d{number}"))
            print(number, flush=True)
        """
    )
    file = tmp_path / "k.db"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)][-1]
        os.kill(writer.pid, signal.SIGKILL)
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    store = KnowledgeStore(file)
    kept = {row.document_id for row in store.list_documents("demo", None, None, 10_000)}
    assert {f"d{number}" for number in range(acknowledged + 1)} <= kept
    store.close()
