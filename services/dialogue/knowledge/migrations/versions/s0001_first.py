"""Domains, documents, passages and their vectors. Every row carries its tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "domain_versions",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("domain_version", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("bundle", sa.LargeBinary, nullable=False),
        sa.Column("embedding_model", sa.Text, nullable=False),
        sa.Column("published_at", sa.Float, nullable=False),
    )
    op.create_table(
        "current_domains",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("domain_version", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "domain_version"], ["domain_versions.tenant", "domain_versions.domain_version"]
        ),
    )
    op.create_table(
        "documents",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("document_id", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_table(
        "passages",
        sa.Column("tenant", sa.Text, primary_key=True),
        # The domain version that brought it; empty for a document's.
        sa.Column("domain_version", sa.Text, primary_key=True),
        sa.Column("passage_id", sa.Text, primary_key=True),
        sa.Column("language", sa.Text, primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("text_sha256", sa.LargeBinary, nullable=False),
    )
    op.create_index("passages_by_text", "passages", ["tenant", "text_sha256"])
    op.create_index("passages_by_document", "passages", ["tenant", "domain_version", "document_id"])
    op.create_table(
        "embeddings",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("text_sha256", sa.LargeBinary, primary_key=True),
        sa.Column("embedding_model", sa.Text, primary_key=True),
        # Little-endian float32, L2-normalized.
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
