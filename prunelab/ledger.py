"""What the store does inside one transaction: rows of runs and their numbered events."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from prunelab.database import ATTEMPTS as TRIED
from prunelab.database import EVENTS, RUNS
from prunelab.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Result,
    fold,
    to_json,
)
from prunelab.row import COLUMNS, Attempt, Missing, Row, State, row
from prunelab.spec import RunSpec
from prunelab.speech import mark, phrase
from prunelab.told import Told

ATTEMPTS = 3
WAITS = "waits for "  # begins the note of a run that nobody can take now
Last = Finished | Failed | Cancelled
_ENDS: dict[type, State] = {Finished: "finished", Failed: "failed", Cancelled: "cancelled"}
_HEAVY: dict[str, Any] = {
    "settings": {},
    "layers": (),
    "epochs": (),
    "masks": (),
    "histograms": {},
    "frames": (),
    "moved": None,
}
_ADVICE = mark("Try a smaller model or batch; if your method calls native code, look there.")


def find(connection: Connection, key: str, *, hold: bool = False) -> Row:
    """The row of a run; ``hold`` keeps other writers from it until the transaction ends.

    Raises:
        Missing: there is none.
    """
    wanted = select(*COLUMNS).where(RUNS.c.key == key)
    found = connection.execute(wanted.with_for_update() if hold else wanted).first()
    if found is None:
        raise Missing(f"There is no run {key!r}; it may have been deleted.")
    return row(found)


def fresh(spec: RunSpec, place: int) -> dict[str, Any]:
    """The columns of a run that waits to be run for the first time, or anew."""
    return {
        "state": "queued",
        "place": place,
        "spec": json.dumps(spec.to_json()),
        "data": spec.data,
        "model": spec.model,
        "method": spec.method,
        "dense_key": spec.dense_key,
        "created": time.time(),
        "started": None,
        "finished": None,
        "deaths": 0,
        "worker": "",
        "cancel": False,
        "note": "",
        "phase": "",
        "progress": 0.0,
        "summary": "{}",
    }


def adopt(
    connection: Connection,
    spec: RunSpec,
    values: Mapping[str, Any],
    events: Sequence[tuple[int, int, Event]],
) -> None:
    """Add a run from elsewhere that has ended, with what it said."""
    place = (connection.scalar(select(func.max(RUNS.c.place))) or 0) + 1
    attempt = max((number for number, _, _ in events), default=1)
    row = fresh(spec, place) | {"attempt": attempt, "beat": 0} | dict(values)
    row |= _summary(fold(event for _, _, event in events))
    connection.execute(insert(RUNS).values(row))
    lines = [
        {"run": values["key"], "attempt": a, "seq": n, "body": json.dumps(to_json(event))}
        for a, n, event in events
    ]
    if lines:
        connection.execute(insert(EVENTS), lines)


def take(connection: Connection, key: str, worker: str) -> int:
    """Move a queued run to running: the number of the attempt, or 0 if it is not to be had."""
    now = time.time()
    taken = {
        "state": "running",
        "worker": worker,
        "attempt": RUNS.c.attempt + 1,
        "beat": RUNS.c.beat + 1,
        "started": now,
        "note": case((RUNS.c.note.like(f"{WAITS}%"), ""), else_=RUNS.c.note),
    }
    waits = (RUNS.c.key == key, RUNS.c.state == "queued")
    if not connection.execute(update(RUNS).where(*waits).values(taken)).rowcount:
        return 0
    attempt = find(connection, key).attempt
    begun = {"run": key, "attempt": attempt, "worker": worker, "started": now, "how": ""}
    connection.execute(insert(TRIED).values(begun))
    return attempt


def attempts(connection: Connection, key: str) -> list[Attempt]:
    """Every time a run was begun."""
    columns = [c for c in TRIED.columns if c.name != "run"]
    mine = select(*columns).where(TRIED.c.run == key).order_by(TRIED.c.attempt)
    return [Attempt(**found._mapping) for found in connection.execute(mine)]


def must_wait(connection: Connection, key: str, what: str) -> None:
    """Say of a queued run what it waits for; "" that it no longer does."""
    note = what and WAITS + what
    mine = [RUNS.c.key == key, RUNS.c.state == "queued", RUNS.c.note != note]
    if not what:
        mine.append(RUNS.c.note.like(f"{WAITS}%"))
    connection.execute(update(RUNS).where(*mine).values(note=note))


def erase(connection: Connection, key: str, *, all_of_it: bool) -> None:
    """Remove what a run said; all of it: the run too."""
    connection.execute(delete(EVENTS).where(EVENTS.c.run == key))
    if all_of_it:
        connection.execute(delete(TRIED).where(TRIED.c.run == key))
        connection.execute(delete(RUNS).where(RUNS.c.key == key))


def _close(connection: Connection, key: str, attempt: int, how: str) -> None:
    mine = (TRIED.c.run == key, TRIED.c.attempt == attempt, TRIED.c.ended.is_(None))
    ended = {"ended": time.time(), "how": how}
    connection.execute(update(TRIED).where(*mine).values(ended))


def touch(connection: Connection, key: str, attempt: int) -> bool:
    """Move the beat of a run and hold its row; False if it is not running in this attempt."""
    mine = (RUNS.c.key == key, RUNS.c.attempt == attempt, RUNS.c.state == "running")
    moved = connection.execute(update(RUNS).where(*mine).values(beat=RUNS.c.beat + 1))
    return moved.rowcount == 1


def last(connection: Connection, key: str, attempt: int) -> int:
    """The number of an attempt's last event, 0 where there is none."""
    numbers = select(EVENTS.c.seq).where(EVENTS.c.run == key, EVENTS.c.attempt == attempt)
    return connection.scalar(numbers.order_by(EVENTS.c.seq.desc()).limit(1)) or 0


def write(
    connection: Connection, key: str, numbers: tuple[int, int], events: Sequence[Event], told: Told
) -> Told:
    """Write events from (attempt, first number) on, and what they mean for the run's row."""
    attempt, first = numbers
    connection.execute(
        insert(EVENTS),
        [
            {"run": key, "attempt": attempt, "seq": first + i, "body": json.dumps(to_json(event))}
            for i, event in enumerate(events)
        ],
    )
    place = connection.scalar(select(RUNS.c.place).where(RUNS.c.key == key)) or 0
    told = told.onward(connection, key, place)
    values = _summary(told.result)
    if type(events[-1]) in _ENDS:
        state = _ENDS[type(events[-1])]
        values |= {"state": state, "finished": time.time(), "note": ""}
        _close(connection, key, attempt, state)
    connection.execute(update(RUNS).where(RUNS.c.key == key).values(values))
    return told


def end(connection: Connection, run: Row, event: Last) -> None:
    """End a run from outside, with its last event."""
    first = last(connection, run.key, run.attempt) + 1
    write(connection, run.key, (run.attempt, first), [event], Told())


def requeue(connection: Connection, key: str, attempt: int, why: str, died: bool) -> State:
    """Queue an interrupted run again, unless it was cancelled or died too often; its new state."""
    run = find(connection, key, hold=True)
    deaths = run.deaths + died
    if (run.state, run.attempt) != ("running", attempt):
        return run.state
    if run.cancel:
        end(connection, run, Cancelled())
    elif deaths >= ATTEMPTS:
        failed = Failed(reason=f"The process died {ATTEMPTS} times ({why}).", advice=_ADVICE)
        end(connection, run, failed)
    else:
        note = phrase(f"interrupted ({why}), attempt {deaths + 1} of {ATTEMPTS}")
        values = {"state": "queued", "worker": "", "deaths": deaths, "note": note}
        connection.execute(update(RUNS).where(RUNS.c.key == key).values(values))
        _close(connection, key, attempt, why)
    return find(connection, key).state


def _summary(result: Result) -> dict[str, Any]:
    kept = {k: v for k, v in replace(result, **_HEAVY).to_json().items() if v}
    for stage in ("dense", "pruned", "recovered"):
        kept[stage] = {k: v for k, v in getattr(result, stage).items() if k != "confusion"}
    phase = result.epochs[-1].phase if result.epochs else ""
    summary = json.dumps(kept | {"plan": dict(result.plan)})
    return {"summary": summary, "phase": phase, "progress": result.progress}
