"""What Alembic runs for each migration: in the connection and transaction it was given."""

from __future__ import annotations

from alembic import context


def run() -> None:
    """Run what was asked for, as part of the caller's transaction."""
    connection = context.config.attributes["connection"]
    # SQLite can undo the making of tables, whatever Alembic believes of it.
    context.configure(connection=connection, transactional_ddl=True)
    context.run_migrations()


if getattr(context, "config", None):  # imported by anybody but Alembic, this does nothing
    run()
