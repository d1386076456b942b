"""Events that wait on this machine's disk for a store that is away; JSON lines, one file a run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from prunelab import storage
from prunelab.events import Event, from_json, to_json
from prunelab.row import Missing, State
from prunelab.store import Lost, Store


def keep(home: Path, key: str, place: tuple[int, int], events: Sequence[Event]) -> None:
    """Add events to the journal of an attempt; ``place`` is the attempt and the first number."""
    attempt, first = place
    path = _path(home, key, attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for number, event in enumerate(events, first):
            file.write(json.dumps([number, to_json(event)]) + "\n")


def forget(home: Path, key: str, attempt: int) -> None:
    """Remove the journal of an attempt: the store has it all."""
    _path(home, key, attempt).unlink(missing_ok=True)


def replay(store: Store, key: str, attempt: int) -> None:
    """Tell the store what waits for it on this machine, if it still wants to know.

    Raises:
        StoreError: it is away; the journal stays.
    """
    numbers, events = _read(_path(store.home, key, attempt))
    if events:
        with contextlib.suppress(Lost, Missing):
            store.append(key, events, attempt=attempt, first=numbers[0])
    forget(store.home, key, attempt)


def give_back(store: Store, key: str, attempt: int, why: str, *, died: bool = True) -> State:
    """Queue an interrupted run again, after what it still had to tell."""
    replay(store, key, attempt)
    return store.requeue(key, attempt, why, died=died)


def _path(home: Path, key: str, attempt: int) -> Path:
    storage.folder(home, key)  # refuses what is no key
    return home / "journal" / f"{key}.{attempt}.jsonl"


def _read(path: Path) -> tuple[list[int], list[Event]]:
    """What a journal holds; a process killed while it wrote leaves a torn last line."""
    numbers: list[int] = []
    events: list[Event] = []
    with contextlib.suppress(FileNotFoundError, ValueError):
        for line in path.read_text(encoding="utf-8").splitlines():
            number, event = json.loads(line)
            numbers.append(number)
            events.append(from_json(event))
    return numbers, events
