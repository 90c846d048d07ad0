"""Sessions on a real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.sessions.database import open_database
from gateway.sessions.media import FileMediaStore
from gateway.sessions.store import SqlTurnStore
from tests.unit.gateway.stored_turns import restarted


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = open_database(tmp_path / "sessions.sqlite3")
    yield engine
    engine.dispose()


@pytest.fixture
def media(tmp_path: Path) -> FileMediaStore:
    return FileMediaStore(tmp_path / "media")


@pytest.fixture
def store(engine: Engine, media: FileMediaStore) -> SqlTurnStore:
    return restarted(engine, media)
