"""What a run has said: its events as the store keeps them, and what they mean together."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.engine import Connection

from prunelab.database import EVENTS
from prunelab.events import Event, Result, fold, from_json

_REMEMBERED = 128  # folded results


@dataclass(frozen=True)
class Told:
    """What a run's events say up to one of them; ``place`` tells one submission from the next."""

    place: int = 0
    last: int = 0
    result: Result = field(default_factory=Result)

    def onward(self, connection: Connection, key: str, place: int) -> Told:
        """The same with the events that came since."""
        start = self if self.place == place else Told(place)
        new = read(connection, key, start.last)
        if not new:
            return start
        return Told(place, new[-1][0], fold((event for _, event in new), start.result))


class Known:
    """What a process has read of runs already, so that only what is new is read again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, Told] = {}

    def get(self, key: str) -> Told:
        """What is known of a run."""
        with self._lock:
            return self._told.get(key, Told())

    def put(self, key: str, told: Told) -> None:
        """Know more of a run; what was longest not asked for is forgotten."""
        with self._lock:
            self._told.pop(key, None)
            self._told[key] = told
            for oldest in list(self._told)[:-_REMEMBERED]:
                del self._told[oldest]


def read(connection: Connection, key: str, after: int) -> list[tuple[int, Event]]:
    """The events of a run behind a number."""
    behind = (
        select(EVENTS.c.id, EVENTS.c.body)
        .where(EVENTS.c.run == key, EVENTS.c.id > after)
        .order_by(EVENTS.c.id)
    )
    return [(number, from_json(json.loads(body))) for number, body in connection.execute(behind)]


def every(connection: Connection, key: str) -> list[tuple[int, int, Event]]:
    """All events of a run with their attempt and number in it."""
    mine = select(EVENTS.c.attempt, EVENTS.c.seq, EVENTS.c.body).where(EVENTS.c.run == key)
    found = connection.execute(mine.order_by(EVENTS.c.id))
    return [(attempt, seq, from_json(json.loads(body))) for attempt, seq, body in found]
