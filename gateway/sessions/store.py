"""Sessions and turns on a database: accepted durably, completed in one transaction, replayed by id."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.sessions.audio_coding import coding_from_json, coding_to_json
from gateway.sessions.held import HeldSession
from gateway.sessions.records import Conversation, MediaKind, MediaReference, StoredTurn
from gateway.sessions.schema import events, media, sessions, turns
from gateway.turn.ports import Clock
from gateway.turn.types import AnswerAudio, CustomerTurn, DialogueState, TimedEvent, TurnEvent
from services.serving.errors import Aborted, AlreadyExists, NotFound, Unavailable

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class MediaStore(Protocol):
    """Customers' and answers' media, by content."""

    async def put(self, tenant: str, content: bytes) -> str:
        """Store the bytes durably; return their SHA-256, hexadecimal. The same bytes are stored once."""
        ...

    async def get(self, tenant: str, sha256: str) -> bytes:
        """Return stored bytes. NotFound where this tenant has none by that hash."""
        ...


class EventCodec(Protocol):
    """How events are written into the database."""

    def encode(self, event: TurnEvent) -> bytes:
        """Write an event."""
        ...

    def decode(self, body: bytes) -> TurnEvent:
        """Read an event that any earlier version wrote."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database knows when a turn arrives."""

    content_sha256: str | None = None
    completed: bool = False
    state: DialogueState | None = None


class SqlTurnStore:
    """A ``TurnStore``, and the reader of conversations. One process uses a database at a time."""

    def __init__(self, engine: Engine, media_store: MediaStore, codec: EventCodec, clock: Clock) -> None:
        self._engine = engine
        self._media = media_store
        self._codec = codec
        self._clock = clock
        self._open: set[tuple[str, str]] = set()
        self._writing = threading.Lock()  # SQLite has one writer; waiting here is fairer than its own

    @asynccontextmanager
    async def open(self, turn: CustomerTurn) -> AsyncIterator["_OpenTurn"]:
        """Accept a turn; see ``TurnStore``. Unavailable when it cannot be stored."""
        with self._taken(turn.tenant, turn.session_id):
            yield await _uninterrupted(self._accept(turn))

    @asynccontextmanager
    async def hold(self, tenant: str, session_id: str) -> AsyncIterator[HeldSession]:
        """Take a session for a call; Aborted while another call or turn has it."""
        with self._taken(tenant, session_id):
            state = await self._in_thread(_read_state, tenant, session_id)
            yield HeldSession(state, lambda turn: _uninterrupted(self._accept(turn)))

    @contextmanager
    def _taken(self, tenant: str, session_id: str) -> Iterator[None]:
        session = (tenant, session_id)
        if session in self._open:
            raise Aborted(
                "TURN_IN_PROGRESS",
                f"another turn or call of session {session_id} is under way: try again when it is over",
                retry_after_seconds=0.5,
            )
        self._open.add(session)
        try:
            yield
        finally:
            self._open.discard(session)

    async def conversation(
        self, tenant: str, session_id: str, *, after_number: int, limit: int
    ) -> Conversation:
        """Read up to ``limit`` turns that follow turn ``after_number``. NotFound without such a session."""
        wanted = turns.c.number > after_number
        return await self._in_thread(self._read_conversation, tenant, session_id, wanted, limit)

    async def turn(self, tenant: str, session_id: str, turn_id: str) -> Conversation:
        """Read one turn, as a conversation of it alone. NotFound without such a session or turn."""
        wanted = turns.c.turn_id == turn_id
        found = await self._in_thread(self._read_conversation, tenant, session_id, wanted, 1)
        if not found.turns:
            raise NotFound("TURN_NOT_FOUND", f"session {session_id} has no turn {turn_id}: check its id")
        return found

    async def medium(self, tenant: str, sha256: str) -> bytes:
        """Return a stored medium; NotFound where this tenant has none by that hash."""
        try:
            return await self._media.get(tenant, sha256)
        except OSError as error:
            raise _unavailable() from error

    async def is_ready(self) -> bool:
        """Say whether the database answers."""
        try:
            return await self._in_thread(lambda connection: connection.scalar(select(1)) == 1)
        except Unavailable:
            return False

    async def _accept(self, turn: CustomerTurn) -> "_OpenTurn":
        received = await asyncio.to_thread(_customer_media, turn)
        content_sha256 = _content_sha256(turn, [reference for reference, _ in received])
        found = await self._in_thread(self._find, turn)
        if found.content_sha256 not in (None, content_sha256):
            raise AlreadyExists(
                "TURN_ID_USED",
                f"turn {turn.turn_id} of session {turn.session_id} has other content: use a new turn_id",
            )
        if found.completed:
            return _OpenTurn(self, turn, found.state, await self._stored_events(turn))
        if found.content_sha256 is None:
            await self._put(turn.tenant, [content for _, content in received])
            references = [reference for reference, _ in received]
            await self._in_thread(self._insert_turn, turn, content_sha256, references, write=True)
        return _OpenTurn(self, turn, found.state, ())

    async def complete(
        self, turn: CustomerTurn, happened: Sequence[TimedEvent], state: DialogueState | None
    ) -> None:
        """Store what came of an open turn."""
        speech = b"".join(timed.event.audio for timed in happened if isinstance(timed.event, AnswerAudio))
        if speech:
            await self._put(turn.tenant, [speech])
        await self._in_thread(self._complete, turn, happened, speech, state, write=True)

    async def _put(self, tenant: str, contents: Sequence[bytes]) -> None:
        try:
            await asyncio.gather(*(self._media.put(tenant, content) for content in contents))
        except OSError as error:
            raise _unavailable() from error

    async def _in_thread(self, work: Callable[..., T], /, *arguments: Any, write: bool = False) -> T:
        """Run ``work(connection, *arguments)`` in a transaction, away from the event loop."""

        def run() -> T:
            if not write:
                with self._engine.connect() as connection:
                    return work(connection, *arguments)
            with self._writing, self._engine.begin() as connection:
                return work(connection, *arguments)

        try:
            return await asyncio.to_thread(run)
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable() from error

    def _find(self, connection: Connection, turn: CustomerTurn) -> _Found:
        state = _read_state(connection, turn.tenant, turn.session_id)
        wanted = select(turns.c.content_sha256, turns.c.completed_at).where(_is(turns, turn))
        row = connection.execute(wanted).one_or_none()
        if row is None:
            return _Found(state=state)
        return _Found(row.content_sha256, row.completed_at is not None, state)

    def _insert_turn(
        self, connection: Connection, turn: CustomerTurn, content: str, references: Sequence[MediaReference]
    ) -> None:
        session = {"tenant": turn.tenant, "session_id": turn.session_id}
        now = self._now()
        if connection.scalar(select(sessions.c.created_at).filter_by(**session)) is None:
            connection.execute(insert(sessions).values(**session, created_at=now, domain_version=""))
        latest = connection.scalar(select(func.max(turns.c.number)).filter_by(**session)) or 0
        connection.execute(
            insert(turns).values(
                **_key(turn),
                number=latest + 1,
                content_sha256=content,
                accepted_at=now,
                text=turn.text,
                language_code=turn.language_code,
                audio_coding=coding_to_json(turn.audio),
            )
        )
        _insert_media(connection, turn, references, start=0)

    def _complete(
        self,
        connection: Connection,
        turn: CustomerTurn,
        happened: Sequence[TimedEvent],
        speech: bytes,
        state: DialogueState | None,
    ) -> None:
        connection.execute(insert(events), self._event_rows(turn, happened))
        if speech:
            reference = MediaReference(MediaKind.ANSWER_AUDIO, _sha256(speech), len(speech))
            customers = (turn.audio is not None) + len(turn.images)
            _insert_media(connection, turn, [reference], start=customers)
        connection.execute(update(turns).where(_is(turns, turn)).values(completed_at=self._now()))
        if state is None:
            return
        connection.execute(
            update(sessions)
            .where(sessions.c.tenant == turn.tenant, sessions.c.session_id == turn.session_id)
            .values(state=state.encoded, domain_version=state.domain_version)
        )

    def _event_rows(self, turn: CustomerTurn, happened: Sequence[TimedEvent]) -> list[dict[str, Any]]:
        rows = []
        audio_start = 0
        for position, timed in enumerate(happened):
            event, start, length = timed.event, None, None
            if isinstance(event, AnswerAudio):
                start, length = audio_start, len(event.audio)
                audio_start += length
                event = replace(event, audio=b"")
            rows.append(
                {
                    **_key(turn),
                    "position": position,
                    "offset_microseconds": timed.offset // _MICROSECOND,
                    "body": self._codec.encode(event),
                    "audio_start": start,
                    "audio_length": length,
                }
            )
        return rows

    async def _stored_events(self, turn: CustomerTurn) -> tuple[TimedEvent, ...]:
        rows, speech_sha256 = await self._in_thread(_read_events, turn)
        speech = await self.medium(turn.tenant, speech_sha256) if speech_sha256 else b""
        return tuple(self._event(row, speech) for row in rows)

    def _event(self, row: Any, speech: bytes = b"") -> TimedEvent:
        event = self._codec.decode(row.body)
        if isinstance(event, AnswerAudio):
            event = replace(event, audio=speech[row.audio_start : row.audio_start + row.audio_length])
        return TimedEvent(timedelta(microseconds=row.offset_microseconds), event)

    def _read_conversation(
        self, connection: Connection, tenant: str, session_id: str, wanted: ColumnElement[bool], limit: int
    ) -> Conversation:
        session = connection.execute(
            select(sessions).filter_by(tenant=tenant, session_id=session_id)
        ).one_or_none()
        if session is None:
            raise NotFound("SESSION_NOT_FOUND", f"there is no session {session_id}: check its id")
        page = connection.execute(
            select(turns)
            .filter_by(tenant=tenant, session_id=session_id)
            .where(wanted)
            .order_by(turns.c.number)
            .limit(limit + 1)
        ).all()
        return Conversation(
            session_id,
            _time(session.created_at),
            session.domain_version,
            tuple(self._read_turn(connection, row) for row in page[:limit]),
            more=len(page) > limit,
        )

    def _read_turn(self, connection: Connection, row: Any) -> StoredTurn:
        key = {"tenant": row.tenant, "session_id": row.session_id, "turn_id": row.turn_id}
        happened = connection.execute(
            select(events).filter_by(**key).where(events.c.audio_length.is_(None)).order_by(events.c.position)
        )
        references = connection.execute(select(media).filter_by(**key).order_by(media.c.position))
        return StoredTurn(
            row.turn_id,
            row.number,
            _time(row.accepted_at),
            row.text,
            row.language_code,
            tuple(self._event(event) for event in happened),
            tuple(MediaReference(MediaKind(m.kind), m.sha256, m.size_bytes) for m in references),
            coding_from_json(row.audio_coding),
        )

    def _now(self) -> int:
        return (self._clock.now() - _EPOCH) // _MICROSECOND


class _OpenTurn:
    """An ``OpenTurn`` of a ``SqlTurnStore``."""

    def __init__(
        self,
        store: SqlTurnStore,
        turn: CustomerTurn,
        state: DialogueState | None,
        replay: Sequence[TimedEvent],
    ) -> None:
        self._store = store
        self._turn = turn
        self.state = state
        self.replay = replay

    async def complete(self, happened: Sequence[TimedEvent], state: DialogueState | None) -> None:
        """Store the turn's events, speech and next state."""
        await _uninterrupted(self._store.complete(self._turn, happened, state))


async def _uninterrupted(work: Coroutine[None, None, T]) -> T:
    """Let ``work`` finish although the caller is cancelled.

    A thread cannot be stopped: the session must stay taken until it has written.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: the caller is gone
        raise


def _customer_media(turn: CustomerTurn) -> list[tuple[MediaReference, bytes]]:
    received = [] if turn.audio is None else [(MediaKind.CUSTOMER_AUDIO, turn.audio.content)]
    received += [(MediaKind.CUSTOMER_IMAGE, image.content) for image in turn.images]
    return [(MediaReference(kind, _sha256(content), len(content)), content) for kind, content in received]


def _content_sha256(turn: CustomerTurn, references: Sequence[MediaReference]) -> str:
    """Hash everything that the customer's client chose, but for the ids."""
    audio = None if turn.audio is None else asdict(replace(turn.audio, content=b""))
    content = {
        "text": turn.text,
        "language_code": turn.language_code,
        "audio": audio and {**audio, "content": None},
        "media": [asdict(reference) for reference in references],
        "speech": None if turn.speech is None else asdict(turn.speech),
    }
    return _sha256(json.dumps(content, sort_keys=True).encode())


def _read_state(connection: Connection, tenant: str, session_id: str) -> DialogueState | None:
    wanted = select(sessions.c.state, sessions.c.domain_version)
    row = connection.execute(wanted.filter_by(tenant=tenant, session_id=session_id)).one_or_none()
    return None if row is None or row.state is None else DialogueState(row.state, row.domain_version)


def _read_events(connection: Connection, turn: CustomerTurn) -> tuple[Sequence[Any], str | None]:
    rows = connection.execute(select(events).where(_is(events, turn)).order_by(events.c.position)).all()
    speech = connection.scalar(
        select(media.c.sha256).where(_is(media, turn), media.c.kind == MediaKind.ANSWER_AUDIO)
    )
    return rows, speech


def _insert_media(
    connection: Connection, turn: CustomerTurn, references: Sequence[MediaReference], *, start: int
) -> None:
    rows = [
        {**_key(turn), "position": position, **asdict(reference)}
        for position, reference in enumerate(references, start)
    ]
    if rows:
        connection.execute(insert(media), rows)


def _key(turn: CustomerTurn) -> dict[str, str]:
    return {"tenant": turn.tenant, "session_id": turn.session_id, "turn_id": turn.turn_id}


def _is(table: Table, turn: CustomerTurn) -> ColumnElement[bool]:
    return and_(*(table.c[column] == value for column, value in _key(turn).items()))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _unavailable() -> Unavailable:
    return Unavailable("STORE_UNAVAILABLE", "the turn cannot be stored now: try again with the same turn_id")
