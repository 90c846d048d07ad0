"""How the customer's audio is coded, so that raw samples can be heard again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; turns stored before have none."""
    op.add_column("turns", sa.Column("audio_coding", sa.Text))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("turns", "audio_coding")
