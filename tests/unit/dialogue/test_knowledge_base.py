"""Publishing and changing knowledge while sessions go on."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.dialogue.domain.bundle import pack
from services.dialogue.knowledge.base import KnowledgeLimits
from services.dialogue.knowledge.records import Document
from services.serving.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from tests.fakes.dialogue import DialogueParts, embedded
from tests.fakes.domain_folder import replaced


def seconds() -> float:
    return 10.0


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[DialogueParts]:
    made = DialogueParts(tmp_path, limits=KnowledgeLimits(passages=20, passages_a_request=15))
    yield made
    made.store.close()


def document(document_id: str, text: str = "Our kiosk in the park opens at nine.") -> Document:
    return Document(document_id, "The kiosk in the park", text, "en", "")


async def found(parts: DialogueParts, question: str, pinned: str = "") -> list[str]:
    """Give the texts of the passages by cosine, best first."""
    view = await parts.views.view("demo", pinned=pinned)
    scores = view.index.score("en", embedded(question), [])
    assert scores is not None
    order = scores.cosine.argsort()[::-1]
    return [scores.passages[position].text for position in order]


async def test_nothing_is_answered_before_a_domain_is_published(parts: DialogueParts) -> None:
    with pytest.raises(FailedPrecondition, match="frontdesk domain publish"):
        await parts.views.view("demo")
    with pytest.raises(FailedPrecondition):
        await parts.views.search_view("demo", "")


async def test_publishing_is_idempotent_and_embeds_only_what_is_new(parts: DialogueParts) -> None:
    version = await parts.publish()
    embedded_before = parts.embedder.embedded
    again = await parts.base.publish("demo", "kiosk", parts.bundle, seconds)

    assert again.unchanged
    assert again.domain.version == version
    assert parts.embedder.embedded - embedded_before <= 1
    changed = pack(dict(replaced("passages/orders.en.md", "30 minutes", "60 minutes")))
    third = await parts.base.publish("demo", "kiosk", changed, seconds)
    assert not third.unchanged
    assert parts.embedder.embedded - embedded_before <= 4


async def test_new_sessions_get_the_new_version_and_pinned_ones_keep_theirs(parts: DialogueParts) -> None:
    old = await parts.publish()
    changed = pack(dict(replaced("passages/orders.en.md", "30 minutes", "60 minutes")))
    new = (await parts.base.publish("demo", "kiosk", changed, seconds)).domain.version

    assert (await found(parts, "cancel an order"))[0] == "You can cancel within 60 minutes."
    assert (await found(parts, "cancel an order", old))[0] == "You can cancel within 30 minutes."
    parts.store.close()
    parts.reopen()
    await parts.views.open()
    assert (await found(parts, "cancel an order"))[0] == "You can cancel within 60 minutes."
    assert (await found(parts, "cancel an order", old))[0] == "You can cancel within 30 minutes."
    assert (await parts.views.view("demo")).domain.version == new  # type: ignore[union-attr]
    assert (await parts.base.publish("demo", "kiosk", parts.bundle, seconds)).unchanged
    assert (await parts.views.view("demo")).domain.version == old  # type: ignore[union-attr]


async def test_a_domain_that_no_longer_meets_the_rules_does_not_keep_the_service_down(
    parts: DialogueParts, tmp_path: Path
) -> None:
    version = await parts.publish()
    parts.store.close()
    broken = pack(dict(replaced("domain.yaml", "name:", "voices: {en: heart}\nname:")))
    with sqlite3.connect(tmp_path / "knowledge.db") as database:
        assert database.execute("UPDATE domain_versions SET bundle = ?", (broken,)).rowcount == 1
    database.close()
    parts.reopen()
    await parts.views.open()
    with pytest.raises(FailedPrecondition, match="frontdesk domain publish"):
        await parts.views.view("demo")
    with pytest.raises(FailedPrecondition, match="older rules"):
        await parts.views.view("demo", pinned=version)


async def test_a_session_goes_on_while_a_new_version_is_embedded(parts: DialogueParts) -> None:
    old = await parts.publish()
    changed = pack(dict(replaced("passages/orders.en.md", "30 minutes", "60 minutes")))
    await parts.base.publish("demo", "kiosk", changed, seconds)
    # After a restart the old version is not in memory.
    parts.store.close()
    parts.reopen()
    await parts.views.open()
    parts.embedder.gate.clear()
    parts.embedder.asked.clear()
    third = pack(dict(replaced("passages/orders.en.md", "30 minutes", "90 minutes")))
    publishing = asyncio.create_task(parts.base.publish("demo", "kiosk", third, seconds))
    await parts.embedder.asked.wait()

    async with asyncio.timeout(5):
        assert (await found(parts, "cancel an order", old))[0] == "You can cancel within 30 minutes."
        assert (await found(parts, "cancel an order"))[0] == "You can cancel within 60 minutes."
    assert not publishing.done()
    parts.embedder.gate.set()
    await publishing
    assert (await found(parts, "cancel an order"))[0] == "You can cancel within 90 minutes."


async def test_vectors_that_are_missing_are_made_by_publishing_again(parts: DialogueParts) -> None:
    await parts.publish()
    with parts.store._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM embeddings")
    again = await parts.base.publish("demo", "kiosk", parts.bundle, seconds)

    assert not again.unchanged
    assert (await found(parts, "cancel an order"))[0] == "You can cancel within 30 minutes."


async def test_a_pinned_version_that_is_gone(parts: DialogueParts) -> None:
    await parts.publish()
    for pinned in ("kiosk@0000000000000000", "", "x" * 5000):
        if pinned:
            with pytest.raises(FailedPrecondition) as caught:
                await parts.views.view("demo", pinned=pinned)
            assert caught.value.reason == "DOMAIN_VERSION_GONE"


async def test_tenants_are_apart(parts: DialogueParts) -> None:
    version = await parts.publish("one")
    for call in (parts.views.view("two"), parts.views.view("two", pinned=version)):
        with pytest.raises(FailedPrecondition):
            await call
    with pytest.raises(NotFound):
        await parts.views.view("one", "other")


async def test_labels_that_the_model_does_not_know_are_refused(parts: DialogueParts) -> None:
    files = dict(replaced("intents/person.yaml", "id: person", "id: human"))
    files["intents/human.yaml"] = files.pop("intents/person.yaml")
    with pytest.raises(FailedPrecondition, match="missing human; surplus person") as caught:
        await parts.base.publish("demo", "kiosk", pack(files), seconds)
    assert caught.value.reason == "INTENT_LABELS_MISMATCH"
    assert parts.store.current_domains("demo") == {}


async def test_faults_of_a_bundle_are_violations_with_file_and_line(parts: DialogueParts) -> None:
    bundle = pack(dict(replaced("policies.yaml", "max_options: 3", "max_options: 30")))
    with pytest.raises(InvalidArgument) as caught:
        await parts.base.publish("demo", "kiosk", bundle, seconds)
    assert [violation.field for violation in caught.value.violations] == ["policies.yaml:2"]
    with pytest.raises(InvalidArgument, match="readable ZIP"):
        await parts.base.publish("demo", "kiosk", b"PK nonsense", seconds)
    with pytest.raises(InvalidArgument) as other:
        await parts.base.publish("demo", "another", parts.bundle, seconds)
    assert other.value.reason == "DOMAIN_NAME_MISMATCH"


async def test_documents_are_found_at_once_beside_the_domain(parts: DialogueParts) -> None:
    await parts.publish()
    (result,) = await parts.base.upsert("demo", [document("park")], seconds)
    assert (result.revision, result.passage_count, result.unchanged) == (1, 1, False)
    question = "when does the kiosk in the park open"
    assert (await found(parts, question))[0].startswith("Our kiosk")
    await parts.base.upsert("demo", [document("park", "Our kiosk in the park is closed.")], seconds)
    assert (await found(parts, question))[0].endswith("closed.")
    assert await parts.base.delete("demo", ["park"]) == 1
    assert "kiosk in the park" not in " ".join(await found(parts, question))


async def test_documents_alone_can_be_searched_and_join_a_later_domain(parts: DialogueParts) -> None:
    await parts.base.upsert("demo", [document("park")], seconds)
    view = await parts.views.search_view("demo", "")
    assert [entry.passage.id for entry in view.index.entries] == ["park"]
    await parts.publish()
    assert "park" in {entry.passage.id for entry in (await parts.views.view("demo")).index.entries}
    parts.store.close()
    parts.reopen()
    await parts.views.open()
    assert "park" in {entry.passage.id for entry in (await parts.views.view("demo")).index.entries}


async def test_ids_may_not_clash_with_passages(parts: DialogueParts) -> None:
    await parts.publish()
    with pytest.raises(AlreadyExists, match="order-cancel"):
        await parts.base.upsert("demo", [document("fine"), document("order-cancel")], seconds)
    assert "fine" not in {entry.passage.id for entry in (await parts.views.view("demo")).index.entries}
    await parts.base.upsert("other", [document("order-cancel")], seconds)
    with pytest.raises(FailedPrecondition, match="order-cancel"):
        await parts.publish("other")


async def test_limits(parts: DialogueParts) -> None:
    with pytest.raises(ResourceExhausted):
        await parts.base.upsert("demo", [document("long", "Line.\n\n" * 16)], seconds)
    await parts.base.upsert("demo", [document("a", "Line.\n\n" * 15)], seconds)
    with pytest.raises(ResourceExhausted):
        await parts.base.upsert("demo", [document("b", "Line.\n\n" * 6)], seconds)
    await parts.base.upsert("demo", [document("a", "Line.\n\n" * 14)], seconds)


async def test_what_cannot_be_embedded_is_not_kept(parts: DialogueParts) -> None:
    parts.embedder.fail_with = Unavailable("TEXT_UNAVAILABLE", "away")
    with pytest.raises(Unavailable):
        await parts.publish()
    with pytest.raises(Unavailable):
        await parts.base.upsert("demo", [document("a")], seconds)
    assert parts.store.tenants() == []
    parts.embedder.fail_with = None
    await parts.publish()


async def test_another_encoder_embeds_everything_again(parts: DialogueParts) -> None:
    await parts.base.upsert("demo", [document("park")], seconds)
    await parts.publish()
    other = DialogueParts(parts.folder)
    other.embedder.embedding_model = "letters@2"
    await other.views.open()
    with pytest.raises(FailedPrecondition, match="trained on letters@1"):
        await other.publish()
    from tests.fakes.dialogue import dialogue_inference

    other.intents._inference = dialogue_inference(other.domain, "letters@2")
    published = await other.base.publish("demo", "kiosk", other.bundle, seconds)
    view = await other.views.view("demo")
    assert not published.unchanged
    assert view.index.embedding_model == "letters@2"
    assert len(view.index.entries) == 7
    other.store.close()


async def test_writers_at_the_same_time_lose_nothing(parts: DialogueParts) -> None:
    await asyncio.gather(
        parts.publish(), *(parts.base.upsert("demo", [document(f"d{n}")], seconds) for n in range(10))
    )
    ids = {entry.passage.id for entry in (await parts.views.view("demo")).index.entries}
    assert {f"d{n}" for n in range(10)} | {"order-cancel"} <= ids


async def test_a_caller_who_goes_away_leaves_nothing_half_done(parts: DialogueParts) -> None:
    await parts.publish()
    for delay in (0.0, 0.001, 0.005, 0.02):
        task = asyncio.create_task(parts.base.upsert("demo", [document(f"gone-{delay}")], seconds))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        kept = {row.document_id for row in parts.store.list_documents("demo", None, None, 100)}
        indexed = {entry.passage.id for entry in (await parts.views.view("demo")).index.entries}
        assert kept == indexed
