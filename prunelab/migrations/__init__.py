"""The store's schema, version by version; Alembic runs those a store lacks when it is opened."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

HEAD = 3
_LOCK = 4_713_027  # any number that nobody else locks in the same PostgreSQL database


def version(connection: Connection) -> int:
    """The schema's version in a database; 0 where there is none yet."""
    tables = set(connection.dialect.get_table_names(connection))
    if "alembic_version" in tables:
        return int(connection.scalar(text("SELECT version_num FROM alembic_version")) or 0)
    if "schema" in tables:  # of the time before Alembic kept the number
        return int(connection.scalar(text("SELECT version FROM schema")) or 0)
    return 0


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest version: all in the caller's transaction, or nothing."""
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":  # SQLite's caller holds the only lock there is
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    found = version(connection)
    if found and "alembic_version" not in connection.dialect.get_table_names(connection):
        command.stamp(config, f"{found:04d}")
    if found < HEAD:
        command.upgrade(config, "head")
