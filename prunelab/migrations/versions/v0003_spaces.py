"""Who may see a run: an owner alone, or all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What had an owner stays with that owner."""
    op.add_column("runs", sa.Column("space", sa.String(255), nullable=False, server_default=""))
    op.create_index("runs_in_space", "runs", ["space", "place"])
    op.execute("UPDATE runs SET space = owner")
    op.execute("UPDATE schema SET version = 3")
