"""The store: which runs there are, how far they are, and every event they wrote. Truth lives here.

Anything else (the app, the engine, a worker) may die at any time and is told by the store where
things stand. States move queued → running → finished, failed or cancelled, each by one
compare-and-set; events are numbered by run and attempt, so that writing twice is writing once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from prunelab import ledger, storage, turns
from prunelab.database import RUNS, StoreError, address, compact, connect, explained
from prunelab.events import Cancelled, Event, Result
from prunelab.files import home as default_home
from prunelab.ledger import Last
from prunelab.row import COLUMNS, Attempt, Missing, Row, State, row, wanted
from prunelab.spec import RunSpec
from prunelab.told import Known, read

__all__ = ["Lost", "Missing", "Row", "Store", "StoreError"]

LEASE = 30.0  # seconds without a beat after which a run counts as interrupted
AHEAD = 200  # waiting runs looked at together


class Lost(StoreError):
    """The run is no longer the caller's: it ended, or another attempt began."""


class Store:
    """Runs, their events and their files; safe to share between threads, cheap to open."""

    def __init__(
        self, url: str | None = None, home: Path | None = None, *, lease: float = LEASE
    ) -> None:
        """Open a store: of a URL, else of PRUNELAB_STORE, else the SQLite file in the home folder.

        Raises:
            StoreError: it cannot be opened; the message says why and what to do.
        """
        try:
            self.home = Path(home) if home else default_home()
        except OSError as error:
            raise StoreError(
                f"Cannot create the home folder ({error}); set PRUNELAB_HOME to a folder of yours."
            ) from error
        self.url = address(self.home, url)
        self._engine = connect(self.url)
        self._writer = self._engine.execution_options(writes=True)
        self._lease = lease
        self._known = Known()
        self._beats: dict[str, tuple[int, float]] = {}

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from; what goes wrong is a StoreError."""
        with explained(self._engine), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all that is done in it is kept, or nothing."""
        with explained(self._engine), self._writer.begin() as connection:
            yield connection

    def compact(self) -> None:
        """Give the disk back what deleted runs took."""
        compact(self._engine)

    def submit(
        self,
        spec: RunSpec,
        *,
        owner: str = "",
        again: bool = False,
        key: str = "",
        priority: int = 0,
        space: str = "",
    ) -> str:
        """Queue a run and return its key; the same spec twice is once.

        A failed or cancelled run is queued anew, a finished one only with ``again``; what it wrote
        before goes. A cancelled one keeps its files and goes on where it was, unless ``again``.
        Runs of a higher priority begin first. ``key`` is the spec's own unless given; ``space`` is
        the owner who alone may see the run (``prunelab.space``).

        Raises:
            StoreError: the names in the spec make no valid key.
        """
        key = key or spec.key
        if not storage.KEY.fullmatch(key):
            raise StoreError(f"A run's key must have 1 to 200 of a-z, 0-9 and -, got {key!r}.")
        # Another process may queue the same spec in the same moment, which is what we want.
        queued_too = contextlib.suppress(IntegrityError)
        with explained(self._engine), queued_too, self._writer.begin() as connection:
            found = select(RUNS.c.state).where(RUNS.c.key == key).with_for_update()
            state = connection.scalar(found)
            place = (connection.scalar(select(func.max(RUNS.c.place))) or 0) + 1
            values = ledger.fresh(spec, place) | {"priority": priority}
            if state is None:
                whose = {"key": key, "owner": owner, "space": space, "attempt": 0, "beat": 0}
                connection.execute(insert(RUNS).values(values | whose))
            elif state in ("failed", "cancelled") or (state == "finished" and again):
                ledger.erase(connection, key, all_of_it=False)
                if state != "cancelled" or again:  # a cancelled run goes on from its checkpoint
                    storage.remove(self.home, key)
                connection.execute(update(RUNS).where(RUNS.c.key == key).values(values))
        return key

    def row(self, key: str) -> Row:
        """Where a run stands, with its headline numbers.

        Raises:
            Missing: there is no such run.
        """
        with self.reading() as connection:
            return ledger.find(connection, key)

    def state(self, key: str) -> State:
        """One of queued, running, finished, failed, cancelled."""
        return self.row(key).state

    def cancel_requested(self, key: str) -> bool:
        """Whether somebody asked to stop the run."""
        return self.row(key).cancel

    def runs(self, limit: int = 50, offset: int = 0, **filters: str | Sequence[str]) -> list[Row]:
        """Runs, newest first, in one query; filter by state, data, model, method, owner or key."""
        newest = select(*COLUMNS).where(*wanted(filters))
        newest = newest.order_by(RUNS.c.place.desc()).limit(limit).offset(offset)
        with self.reading() as connection:
            return [row(found) for found in connection.execute(newest)]

    def rows(self, keys: Iterable[str]) -> list[Row]:
        """The rows of some runs, in the order of the keys; unknown keys are left out."""
        keys = list(keys)
        found = {r.key: r for r in self.runs(limit=len(keys), key=keys)}
        return [found[key] for key in keys if key in found]

    def count(self, **filters: str | Sequence[str]) -> int:
        """How many runs there are."""
        counted = select(func.count()).select_from(RUNS).where(*wanted(filters))
        with self.reading() as connection:
            return connection.scalar(counted) or 0

    def queued(self, limit: int = 100_000) -> list[str]:
        """The keys that wait, in the order of ``turns.waiting``."""
        with self.reading() as connection:
            return list(connection.scalars(turns.waiting(limit)))

    def pause(self, on: bool = True) -> None:
        """Hold the queue, or let it go on: runs that go on do so, none begins."""
        with self.writing() as connection:
            turns.pause(connection, on)

    def paused(self) -> bool:
        """Whether the queue is held."""
        with self.reading() as connection:
            return turns.paused(connection)

    def prioritise(self, key: str, priority: int) -> None:
        """Let a queued run begin before all of a lower priority; 0 is usual."""
        mine = update(RUNS).where(RUNS.c.key == key).values(priority=priority)
        with self.writing() as connection:
            ledger.find(connection, key)
            connection.execute(mine)

    def must_wait(self, key: str, what: str) -> None:
        """Say of a queued run what it waits for; "" that it no longer does."""
        with self.writing() as connection:
            ledger.must_wait(connection, key, what)

    def attempts(self, key: str) -> list[Attempt]:
        """Every time a run was begun, and how that ended."""
        with self.reading() as connection:
            return ledger.attempts(connection, key)

    def events(self, key: str, after: int = 0) -> list[tuple[int, Event]]:
        """A run's events behind a number, each with its own number; numbers only grow.

        A new attempt begins with a Started event, at which ``fold`` starts afresh.
        """
        with self.reading() as connection:
            return read(connection, key, after)

    def result(self, key: str) -> Result:
        """All that a run has said so far; only what is new is read.

        Raises:
            Missing: there is no such run.
        """
        with self.reading() as connection:
            run = ledger.find(connection, key)
            told = self._known.get(key).onward(connection, key, run.place)
        self._known.put(key, told)
        spec = told.result.spec or run.spec.to_json()
        return replace(told.result, key=key, status=run.state, spec=spec)

    def folder(self, key: str) -> Path:
        """Where the files of a run are; made by whoever writes the first.

        Raises:
            Missing: there is no such run.
        """
        run = self.row(key)
        return storage.view(self.home, key, run.place, ended=run.state == "finished")

    def request_cancel(self, key: str) -> None:
        """Stop a run: at once while it is queued, within a second while it runs."""
        with self.writing() as connection:
            run = ledger.find(connection, key, hold=True)
            if run.state == "queued":
                ledger.end(connection, run, Cancelled())
            elif run.state == "running":
                connection.execute(update(RUNS).where(RUNS.c.key == key).values(cancel=True))

    def delete(self, key: str) -> None:
        """Remove a run, its events and its files.

        Raises:
            StoreError: it is running.
        """
        with self.writing() as connection:
            if ledger.find(connection, key, hold=True).state == "running":
                raise StoreError(f"{key} is running; cancel it first.")
            ledger.erase(connection, key, all_of_it=True)
            storage.remove(self.home, key)

    def claim(self, key: str, worker: str) -> int:
        """Take a queued run: the number of the attempt, or 0 if it is not to be had."""
        with self.writing() as connection:
            return ledger.take(connection, key, worker)

    def append(
        self, key: str, events: Iterable[Event], *, attempt: int, first: int | None = None
    ) -> int:
        """Write events of a claimed run in one transaction; the last of a run also ends it there.

        Args:
            key: of the run.
            events: in order.
            attempt: the number that ``claim`` gave.
            first: the number of the first event; those written before are left out.

        Returns:
            The number of the last event written.

        Raises:
            Lost: the run ended, or another attempt began.
            StoreError: an event before ``first`` is missing.
        """
        events, told = list(events), None
        with self.writing() as connection:
            mine = ledger.touch(connection, key, attempt)
            last = ledger.last(connection, key, attempt)
            if first is not None and first > last + 1:
                raise StoreError(f"Event {last + 1} of {key} must come first, got {first}.")
            new = events if first is None else events[last + 1 - first :]
            if new and not mine:
                raise Lost(f"{key} is no longer in attempt {attempt}.")
            if new:
                numbers = (attempt, last + 1)
                told = ledger.write(connection, key, numbers, new, self._known.get(key))
        if told:
            self._known.put(key, told)
        return last + len(new)

    def renew(self, key: str, attempt: int) -> bool:
        """Say that somebody works on the run; False if it is no longer the caller's."""
        with self.writing() as connection:
            return ledger.touch(connection, key, attempt)

    def finish(self, key: str, last: Last, *, attempt: int) -> bool:
        """End a run with its last event; False if it had ended or begun again."""
        try:
            self.append(key, [last], attempt=attempt)
        except Lost:
            return False
        return True

    def requeue(self, key: str, attempt: int, why: str, *, died: bool = True) -> State:
        """Queue a run again that was interrupted, and return its state.

        One that somebody cancelled is cancelled; one whose process ``died`` three times has failed.
        """
        with self.writing() as connection:
            return ledger.requeue(connection, key, attempt, why, died)

    def expire(self) -> list[str]:
        """Queue again the runs nobody has worked on for a lease's time; returns their keys.

        The time is this process's own since it last saw the run's beat move, so that neither a
        changed clock nor another machine's ends a lease. Call it regularly.
        """
        now, seen = time.monotonic(), self._beats
        running = self.runs(limit=100_000, state="running")
        fresh = {r.key: (r.beat, now) for r in running}
        self._beats = {k: seen[k] if seen.get(k, (-1,))[0] == v[0] else v for k, v in fresh.items()}
        late = [r for r in running if now - self._beats[r.key][1] > self._lease]
        for run in late:
            self.requeue(run.key, run.attempt, f"no sign of life for {self._lease:g} s")
        return [run.key for run in late]
