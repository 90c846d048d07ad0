"""The store's tables, as the newest migration leaves them."""

import sqlalchemy as sa

metadata = sa.MetaData()

domain_versions = sa.Table(
    "domain_versions",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("domain_version", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("bundle", sa.LargeBinary, nullable=False),
    sa.Column("embedding_model", sa.Text, nullable=False),
    sa.Column("published_at", sa.Float, nullable=False),
)

current_domains = sa.Table(
    "current_domains",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("domain_version", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant", "domain_version"], ["domain_versions.tenant", "domain_versions.domain_version"]
    ),
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("document_id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("uri", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
)

passages = sa.Table(
    "passages",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
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
    sa.Index("passages_by_text", "tenant", "text_sha256"),
    sa.Index("passages_by_document", "tenant", "domain_version", "document_id"),
)

embeddings = sa.Table(
    "embeddings",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("text_sha256", sa.LargeBinary, primary_key=True),
    sa.Column("embedding_model", sa.Text, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
