"""Runs the steps on the connection that ``KnowledgeStore`` passes in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
