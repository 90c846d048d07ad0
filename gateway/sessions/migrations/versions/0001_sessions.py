"""Sessions, turns, their events and media."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "sessions",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("domain_version", sa.Text, nullable=False),
        sa.Column("state", sa.LargeBinary),
    )
    op.create_table(
        "turns",
        *_turn_key(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content_sha256", sa.Text, nullable=False),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language_code", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["tenant", "session_id"], ["sessions.tenant", "sessions.session_id"]),
        sa.UniqueConstraint("tenant", "session_id", "number"),
    )
    op.create_table(
        "events",
        *_turn_key(),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("offset_microseconds", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("audio_start", sa.BigInteger),
        sa.Column("audio_length", sa.BigInteger),
        _of_turn(),
    )
    op.create_table(
        "media",
        *_turn_key(),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        _of_turn(),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("media", "events", "turns", "sessions"):
        op.drop_table(table)


def _turn_key() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in ("tenant", "session_id", "turn_id")]


def _of_turn() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "session_id", "turn_id"], ["turns.tenant", "turns.session_id", "turns.turn_id"]
    )
