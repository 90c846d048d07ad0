"""The database of the sessions: synchronized, migrated, and alive after its process was killed."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from gateway.sessions.database import open_database, upgrade
from gateway.sessions.media import FileMediaStore
from gateway.sessions.schema import metadata
from gateway.sessions.store import SqlTurnStore
from tests.unit.gateway.stored_turns import EVENTS, TURN, replace_by_folder, restarted, take


async def test_a_killed_process_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, sys
        from dataclasses import replace
        from pathlib import Path
        from gateway.sessions.database import open_database, upgrade
        from gateway.sessions.media import FileMediaStore
        from tests.unit.gateway.stored_turns import TURN, restarted, take

        async def main(folder: Path) -> None:
            store = restarted(open_database(folder / "sessions.sqlite3"), FileMediaStore(folder / "media"))
            await take(store, TURN)
            async with store.open(replace(TURN, turn_id="t2")):
                print("accepted", flush=True)
                await asyncio.sleep(60)

        asyncio.run(main(Path(sys.argv[1])))
        """
    )
    process = await asyncio.to_thread(_run_until_accepted, program, tmp_path)
    assert process == -signal.SIGKILL
    engine = open_database(tmp_path / "sessions.sqlite3")
    store = restarted(engine, FileMediaStore(tmp_path / "media"))
    assert await take(store, TURN) == EVENTS
    assert await take(store, replace(TURN, turn_id="t2")) == ()
    assert await take(store, replace(TURN, turn_id="t2")) == EVENTS
    engine.dispose()


def _run_until_accepted(program: str, folder: Path) -> int:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "accepted\n"
        process.kill()
        return process.wait()


async def test_what_is_written_is_synchronized(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


async def test_the_migrations_make_the_declared_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


async def test_an_existing_database_is_opened_as_it_is(
    engine: Engine, media: FileMediaStore, tmp_path: Path
) -> None:
    await take(restarted(engine, media), TURN)
    again = open_database(tmp_path / "sessions.sqlite3")
    assert await take(restarted(again, media), TURN) == EVENTS
    again.dispose()


async def test_turns_of_the_first_release_are_read(tmp_path: Path, media: FileMediaStore) -> None:
    old = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    upgrade(old, "0001")
    with old.begin() as connection:
        connection.execute(text("INSERT INTO sessions VALUES ('demo', 's1', 1, '', NULL)"))
        turn = "('demo', 's1', 't1', 1, 'hash', 1, NULL, 'Order 17', 'en')"
        connection.execute(text(f"INSERT INTO turns VALUES {turn}"))
    old.dispose()
    opened = open_database(tmp_path / "old.sqlite3")
    [read] = (await restarted(opened, media).turn("demo", "s1", "t1")).turns
    opened.dispose()
    assert (read.text, read.audio_coding) == ("Order 17", None)


async def test_a_database_that_is_gone_is_not_ready(store: SqlTurnStore, engine: Engine) -> None:
    assert await store.is_ready()
    engine.dispose()
    replace_by_folder(Path(str(engine.url.database)))
    assert not await store.is_ready()
