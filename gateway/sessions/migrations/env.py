"""Runs migrations on the connection that ``gateway.sessions.database`` hands over."""

from alembic import context

from gateway.sessions.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter columns
)
with context.begin_transaction():
    context.run_migrations()
