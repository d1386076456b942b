"""One run in one process: takes the events from the runner and writes them into the store."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from prunelab.events import Cancelled, Event, Failed, Finished
from prunelab.spec import RunSpec
from prunelab.store import Lost, Store, StoreError

RUNNER = "prunelab.experiment:run"
GAP = 0.25  # seconds between two writes; the first event and the last do not wait
RENEW = 2.0
BOUND = 60.0  # seconds that events wait in memory for a store that cannot be written
NICE = 10
LAST = (Finished, Failed, Cancelled)

Queue = queue.SimpleQueue[Event]


def work(key: str, url: str, home: Path, attempt: int, runner: str) -> None:
    """Carry out a claimed run to its last event; meant for a process of its own."""
    _follow_parent()
    if hasattr(os, "nice"):
        os.nice(NICE)
    store = Store(url, home)
    spec = store.row(key).spec
    told: Queue = queue.SimpleQueue()
    writer = threading.Thread(target=_write, args=(store, key, attempt, told), daemon=True)
    writer.start()
    for event in _events(runner, spec, store.folder(key), home / "files" / "dense"):
        told.put(event)
    writer.join()


def _events(runner: str, spec: RunSpec, files: Path, dense: Path) -> Iterator[Event]:
    """What the runner says, and a Failed event for whatever it does not say."""
    try:
        for event in _find(runner)(spec, files=files, dense=dense):
            yield event
            if isinstance(event, LAST):
                return
        yield Failed(reason="The run ended without a result.", advice="Run it again.")
    except Exception as error:  # noqa: BLE001 - a run ends with an event, whatever happens
        yield _failed(error)


def _find(runner: str) -> Callable[..., Iterator[Event]]:
    module, _, name = runner.partition(":")
    found: Callable[..., Iterator[Event]] = getattr(importlib.import_module(module), name)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # two threads on busy cores are ten times slower than one
    return found


def _failed(error: Exception) -> Failed:
    advice = "This looks like a mistake in the method or the model; the details are below."
    details = "".join(traceback.format_exception(error))
    return Failed(reason=f"{type(error).__name__}: {error}", advice=advice, traceback=details)


def _follow_parent() -> None:
    """End this process when the one that supervises it ends, however it ends."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _write(store: Store, key: str, attempt: int, told: Queue) -> None:
    try:
        _write_all(store, key, attempt, told)
    except Lost:
        os._exit(0)  # somebody else has the run now: not another word
    except StoreError as error:
        sys.stderr.write(f"{key}: {error}\n")
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - an event that is not plain data, above all
        store.finish(key, _failed(error), attempt=attempt)
        os._exit(1)


def _write_all(store: Store, key: str, attempt: int, told: Queue) -> None:
    sent, since = 0, time.monotonic()
    batch: list[Event] = []
    while True:
        batch = batch or _gather(told, RENEW, enough=1)
        try:
            _send(store, key, (attempt, sent + 1), batch)
        except StoreError as error:
            if isinstance(error, Lost) or time.monotonic() - since > BOUND:
                raise
        else:
            if batch and isinstance(batch[-1], LAST):
                return
            sent, since, batch = sent + len(batch), time.monotonic(), []
        batch += _gather(told, GAP)


def _send(store: Store, key: str, place: tuple[int, int], batch: list[Event]) -> None:
    attempt, first = place
    if batch:
        store.append(key, batch, attempt=attempt, first=first)
    elif not store.renew(key, attempt):
        raise Lost(f"{key} is no longer in attempt {attempt}.")


def _gather(told: Queue, seconds: float, *, enough: int = sys.maxsize) -> list[Event]:
    """What is told within the given time, or until it is enough or the last event."""
    found: list[Event] = []
    deadline = time.monotonic() + seconds
    with contextlib.suppress(queue.Empty):
        while len(found) < enough and not (found and isinstance(found[-1], LAST)):
            found.append(told.get(timeout=max(0.0, deadline - time.monotonic())))
    return found
