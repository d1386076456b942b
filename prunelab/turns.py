"""Whose turn it is: owners in turn, each one's runs by priority, then first come first."""

from __future__ import annotations

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.engine import Connection

from prunelab.database import RUNS, SETTINGS

_PAUSED = "paused"


def waiting(limit: int) -> Select[tuple[str]]:
    """The keys that wait, in the order in which they should begin.

    The owner comes first who has least going on, then the one who was served longest ago: a sweep
    of a thousand runs delays somebody's single run by one turn only, whatever their priorities.
    """
    served = select(RUNS.c.owner, func.max(RUNS.c.started).label("at")).group_by(RUNS.c.owner)
    busy = select(RUNS.c.owner, func.count().label("runs"))
    last = served.subquery()
    going = busy.where(RUNS.c.state == "running").group_by(RUNS.c.owner).subquery()
    own = func.row_number().over(
        partition_by=RUNS.c.owner, order_by=(RUNS.c.priority.desc(), RUNS.c.place)
    )
    turn = own + func.coalesce(going.c.runs, 0)
    return (
        select(RUNS.c.key)
        .outerjoin(last, last.c.owner == RUNS.c.owner)
        .outerjoin(going, going.c.owner == RUNS.c.owner)
        .where(RUNS.c.state == "queued")
        .order_by(turn, func.coalesce(last.c.at, 0.0), RUNS.c.place)
        .limit(limit)
    )


def pause(connection: Connection, on: bool) -> None:
    """Hold the queue, or let it go on."""
    connection.execute(delete(SETTINGS).where(SETTINGS.c.name == _PAUSED))
    if on:
        connection.execute(insert(SETTINGS).values(name=_PAUSED, value="yes"))


def paused(connection: Connection) -> bool:
    """Whether the queue is held."""
    found = select(SETTINGS.c.value).where(SETTINGS.c.name == _PAUSED)
    return connection.scalar(found) is not None
