"""Sessions and turns on a real database: durable, replayed, separate by tenant."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gateway.sessions.media import FileMediaStore
from gateway.sessions.records import MediaKind
from gateway.sessions.store import SqlTurnStore
from gateway.turn.types import (
    AnswerAudio,
    AudioEncoding,
    AudioInput,
)
from services.serving.errors import Aborted, AlreadyExists, NotFound, Unavailable
from tests.fakes.turn import STATE
from tests.unit.gateway.stored_turns import EVENTS, HAPPENED, TURN, replace_by_folder, restarted, take


async def test_a_repeated_turn_gets_the_same_events_and_the_same_audio(
    store: SqlTurnStore, engine: Engine, media: FileMediaStore
) -> None:
    assert await take(store, TURN) == ()
    assert await take(store, TURN) == EVENTS
    assert await take(restarted(engine, media), TURN) == EVENTS


async def test_the_next_turn_gets_the_state_that_was_stored_with_the_last(store: SqlTurnStore) -> None:
    async with store.open(TURN) as opened:
        assert opened.state is None
        await opened.complete(EVENTS, STATE)
    async with store.open(replace(TURN, turn_id="t2")) as opened:
        assert opened.state == STATE


CHANGES = {
    "text": replace(TURN, text="Order 18"),
    "audio": replace(TURN, audio=AudioInput(b"RIFF other", AudioEncoding.WAV)),
    "coding": replace(TURN, audio=AudioInput(b"RIFF spoken", AudioEncoding.MULAW, 8_000)),
    "images": replace(TURN, images=()),
    "language": replace(TURN, language_code="zh"),
    "speech": replace(TURN, speech=None),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("completed", [True, False])
async def test_a_turn_id_stands_for_one_content(store: SqlTurnStore, what: str, completed: bool) -> None:
    async with store.open(TURN) as opened:
        if completed:
            await opened.complete(EVENTS, STATE)
    with pytest.raises(AlreadyExists) as refused:
        await take(store, CHANGES[what])
    assert refused.value.reason == "TURN_ID_USED"


async def test_one_turn_of_a_session_at_a_time(store: SqlTurnStore) -> None:
    async with store.open(TURN):
        for other in (TURN, replace(TURN, turn_id="t2")):
            with pytest.raises(Aborted) as refused:
                await take(store, other)
            assert refused.value.reason == "TURN_IN_PROGRESS"
        await take(store, replace(TURN, session_id="s2"))
        await take(store, replace(TURN, tenant="other"))
    await take(store, replace(TURN, turn_id="t2"))


async def test_many_sessions_at_once(store: SqlTurnStore) -> None:
    turns = [replace(TURN, session_id=f"s{number}") for number in range(20)]
    await asyncio.gather(*(take(store, turn) for turn in turns))
    assert all(replayed == EVENTS for replayed in await asyncio.gather(*(take(store, t) for t in turns)))


async def test_an_interrupted_turn_is_kept_and_can_be_taken_again(
    store: SqlTurnStore, media: FileMediaStore, engine: Engine
) -> None:
    with pytest.raises(RuntimeError, match="power"):
        async with store.open(TURN):
            raise RuntimeError("power")
    found = await store.conversation("demo", "s1", after_number=0, limit=10)
    [kept] = found.turns
    assert (kept.turn_id, kept.text, kept.events) == ("t1", "Order 17", ())
    assert [await media.get("demo", reference.sha256) for reference in kept.media] == [
        b"RIFF spoken",
        b"\x89PNG shown",
    ]
    again = restarted(engine, media)
    assert await take(again, TURN) == ()
    assert await take(again, TURN) == EVENTS


async def test_tenants_do_not_see_each_other(store: SqlTurnStore, media: FileMediaStore) -> None:
    await take(store, TURN)
    theirs = replace(TURN, tenant="other", text="something else")
    async with store.open(theirs) as opened:
        assert opened.state is None
        assert not opened.replay
    with pytest.raises(NotFound):
        await store.conversation("third", "s1", after_number=0, limit=10)
    assert [t.text for t in (await store.conversation("other", "s1", after_number=0, limit=9)).turns] == [
        "something else"
    ]
    sha256 = (await store.conversation("demo", "s1", after_number=0, limit=9)).turns[0].media[2].sha256
    assert await media.get("demo", sha256) == b"\x00\x01\x02\xff\x03"
    with pytest.raises(NotFound):
        await media.get("third", sha256)


async def test_a_conversation_is_read_by_pages(store: SqlTurnStore) -> None:
    before = datetime.now(UTC)
    for number in range(5):
        await take(store, replace(TURN, turn_id=f"t{number}"))
    first = await store.conversation("demo", "s1", after_number=0, limit=3)
    assert [turn.turn_id for turn in first.turns] == ["t0", "t1", "t2"]
    assert first.more
    assert first.domain_version == STATE.domain_version
    assert before <= first.created_at <= first.turns[0].accepted_at <= datetime.now(UTC)
    last = await store.conversation("demo", "s1", after_number=first.turns[-1].number, limit=3)
    assert [turn.turn_id for turn in last.turns] == ["t3", "t4"]
    assert not last.more
    turn = last.turns[0]
    assert [event.event for event in turn.events] == [e for e in HAPPENED if not isinstance(e, AnswerAudio)]
    assert [(medium.kind, medium.size_bytes) for medium in turn.media] == [
        (MediaKind.CUSTOMER_AUDIO, 11),
        (MediaKind.CUSTOMER_IMAGE, 10),
        (MediaKind.ANSWER_AUDIO, 5),
    ]


@pytest.mark.parametrize(
    "audio",
    [
        AudioInput(b"RIFF spoken"),
        AudioInput(b"\x00\x01", AudioEncoding.MULAW, 8_000, 2, "zh"),
        None,
    ],
)
async def test_one_turn_is_read_with_the_coding_of_its_audio(
    store: SqlTurnStore, audio: AudioInput | None
) -> None:
    await take(store, TURN)
    await take(store, replace(TURN, turn_id="t2", text="second", audio=audio))
    found = await store.turn("demo", "s1", "t2")
    assert found.domain_version == STATE.domain_version
    [turn] = found.turns
    assert (turn.turn_id, turn.text) == ("t2", "second")
    assert turn.audio_coding == (replace(audio, content=b"") if audio else None)
    contents = [await store.medium("demo", reference.sha256) for reference in turn.media]
    assert contents == [*([audio.content] if audio else []), b"\x89PNG shown", b"\x00\x01\x02\xff\x03"]


@pytest.mark.parametrize(
    ("tenant", "session_id", "turn_id", "reason"),
    [
        ("demo", "s1", "t2", "TURN_NOT_FOUND"),
        ("demo", "s2", "t1", "SESSION_NOT_FOUND"),
        ("other", "s1", "t1", "SESSION_NOT_FOUND"),
    ],
)
async def test_one_turn_that_is_not_the_tenants(
    store: SqlTurnStore, tenant: str, session_id: str, turn_id: str, reason: str
) -> None:
    await take(store, TURN)
    with pytest.raises(NotFound) as refused:
        await store.turn(tenant, session_id, turn_id)
    assert refused.value.reason == reason


async def test_a_turn_is_completed_whole_or_not_at_all(store: SqlTurnStore, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER fail BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    with pytest.raises(Unavailable) as refused:
        await take(store, TURN)
    assert refused.value.reason == "STORE_UNAVAILABLE"
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM events")) == 0
        connection.execute(text("DROP TRIGGER fail"))
    assert await take(store, TURN) == ()
    assert await take(store, TURN) == EVENTS


async def test_media_that_cannot_be_written_are_not_accepted(store: SqlTurnStore, tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file where a folder belongs")
    with pytest.raises(Unavailable):
        await take(store, TURN)
    with pytest.raises(NotFound):
        await store.conversation("demo", "s1", after_number=0, limit=1)
    await take(store, replace(TURN, audio=None, images=()), EVENTS[:5])


async def test_speech_that_cannot_be_read_back_is_unavailable(store: SqlTurnStore, tmp_path: Path) -> None:
    await take(store, TURN)
    [stored] = (await store.conversation("demo", "s1", after_number=0, limit=1)).turns
    sha256 = stored.media[-1].sha256
    replace_by_folder(tmp_path / "media" / "demo" / sha256[:2] / sha256)
    with pytest.raises(Unavailable):
        await take(store, TURN)


async def test_a_cancelled_caller_frees_the_session_only_when_the_turn_is_written(
    store: SqlTurnStore,
) -> None:
    entered = asyncio.Event()

    async def caller() -> None:
        async with store.open(TURN) as opened:
            entered.set()
            await opened.complete(EVENTS, STATE)

    task = asyncio.create_task(caller())
    await entered.wait()
    await asyncio.sleep(0)  # into complete()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await take(store, TURN) == EVENTS


async def test_equal_media_are_stored_once(store: SqlTurnStore, tmp_path: Path) -> None:
    for turn_id in ("t1", "t2"):
        await take(store, replace(TURN, turn_id=turn_id))
    files = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all(path.relative_to(tmp_path / "media").parts[0] == "demo" for path in files)


@pytest.mark.parametrize(("tenant", "sha256"), [("../x", "0" * 64), ("demo", "../../x"), ("", "0" * 64)])
async def test_media_names_cannot_leave_their_folder(media: FileMediaStore, tenant: str, sha256: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        await media.get(tenant, sha256)
