"""The tables of sessions, turns, events and media.

Every row carries its tenant; times are microseconds since 1970, UTC.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("domain_version", Text, nullable=False),  # "" until the first turn is completed
    Column("state", LargeBinary),  # dialogue's, as it gave it; none until then
)

turns = Table(
    "turns",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("turn_id", Text, primary_key=True),
    Column("number", Integer, nullable=False),  # from 1, in order of acceptance
    Column("content_sha256", Text, nullable=False),  # tells a repetition from another turn
    Column("accepted_at", BigInteger, nullable=False),
    Column("completed_at", BigInteger),  # none: under way, failed or interrupted
    Column("text", Text, nullable=False),
    Column("language_code", Text, nullable=False),
    Column("audio_coding", Text),  # JSON; none: no audio, or stored before this was kept
    ForeignKeyConstraint(["tenant", "session_id"], ["sessions.tenant", "sessions.session_id"]),
    UniqueConstraint("tenant", "session_id", "number"),
)

_TURN = ["turns.tenant", "turns.session_id", "turns.turn_id"]

events = Table(
    "events",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("turn_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("offset_microseconds", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # A piece of speech: its bytes are this part of the turn's answer audio.
    Column("audio_start", BigInteger),
    Column("audio_length", BigInteger),
    ForeignKeyConstraint(["tenant", "session_id", "turn_id"], _TURN),
)

media = Table(
    "media",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("turn_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # MediaKind
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "session_id", "turn_id"], _TURN),
)
