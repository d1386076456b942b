"""Priorities, a queue that can be paused, and a record of every attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what the queue needs to be fair, and who worked on what."""
    priority = sa.Column("priority", sa.Integer, nullable=False, server_default="0")
    op.add_column("runs", priority)
    op.create_index("runs_served", "runs", ["owner", "started"])
    op.create_index("runs_waiting", "runs", ["state", "priority", "place"])
    op.create_table(
        "attempts",
        sa.Column("run", sa.String(255), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.String(255), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("how", sa.Text, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    # A PruneLab from before Alembic looks here, and must refuse what it cannot read.
    op.execute("UPDATE schema SET version = 2")
