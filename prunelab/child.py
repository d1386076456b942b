"""One run in one process: takes the events from the runner and writes them into the store."""

from __future__ import annotations

import contextlib
import errno
import importlib
import multiprocessing
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from prunelab import journal, limits, storage
from prunelab.events import Cancelled, Event, Failed, Finished, Started
from prunelab.files import forget_checkpoint
from prunelab.limits import Limits
from prunelab.log import say
from prunelab.patience import patiently
from prunelab.spec import RunSpec
from prunelab.store import Lost, Row, Store, StoreError

RUNNER = "prunelab.experiment:run"
GAP = 0.25  # seconds between two writes; the first event and the last do not wait
RENEW = 2.0
BOUND = 600.0  # seconds that training goes on with a store that is away
NICE = 10
LAST = (Finished, Failed, Cancelled)

Queue = queue.SimpleQueue[Event]


class Order(NamedTuple):
    """Which run to carry out, where it and its files are kept, and its limits."""

    key: str
    url: str
    home: str
    runner: str = RUNNER
    files: str = ""
    most: Limits = Limits()


def work(order: Order, attempt: int) -> None:
    """Carry out a claimed run to its last event; meant for a process of its own."""
    _follow_parent()
    if hasattr(os, "nice"):
        os.nice(NICE)
    # This process was forked from one that knows nothing of the run.
    os.environ |= {"PRUNELAB_HOME": order.home, "PRUNELAB_FILES": order.files}
    store = patiently(lambda: Store(order.url, Path(order.home)), BOUND)
    run = patiently(lambda: store.row(order.key), BOUND)
    told: Queue = queue.SimpleQueue()
    writer = threading.Thread(target=_write, args=(store, run.key, attempt, told), daemon=True)
    writer.start()
    for event in _events(order.runner, run, store.home, order.most):
        told.put(event)
    writer.join()
    if isinstance(event, Finished):
        forget_checkpoint(storage.folder(store.home, run.key))


def _events(runner: str, run: Row, home: Path, most: Limits) -> Iterator[Event]:
    """What the runner says, and a Failed event for whatever it does not say."""
    try:
        yield from _within(_find(runner), run, home, most)
    except Exception as error:  # noqa: BLE001 - a run ends with an event, whatever happens
        yield _failed(error, home)
    finally:
        for partial in storage.folder(home, run.key).glob(f"*.{os.getpid()}*"):
            partial.unlink(missing_ok=True)


def _within(
    function: Callable[..., Iterator[Event]], run: Row, home: Path, most: Limits
) -> Iterator[Event]:
    if refused := limits.too_full(shutil.disk_usage(home).free, most) or _no_device(run.spec):
        yield refused
        return
    _borrow(run.spec, home)
    files, dense = storage.folder(home, run.key), home / "files" / storage.DENSE
    for event in function(run.spec, files=files, dense=dense):
        if isinstance(event, Finished):  # who reads it must find the files
            storage.publish(home, run.key, run.place)
            storage.lend(home, run.dense_key)
        yield event
        if isinstance(event, LAST):
            return
        if isinstance(event, Started) and (refused := limits.beyond(event, most)):
            yield refused
            return
    yield Failed(reason="The run ended without a result.", advice="Run it again.")


def _borrow(spec: RunSpec, home: Path) -> None:
    storage.borrow(home, spec.dense_key)
    for file in filter(None, (spec.data_knobs.get("file"), spec.weights)):
        storage.get_upload(home, str(file))


def _no_device(spec: RunSpec) -> Failed | None:
    """Hide the GPU from a run that wants none; why one that wants it must not start."""
    if spec.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch = sys.modules.get("torch")
    if spec.device == "gpu" and torch and not torch.cuda.is_available():
        return Failed(
            reason="The run wants a GPU, and this worker has none that torch can use.",
            advice="Choose the CPU, or start the worker where a GPU is.",
        )
    return None


def _find(runner: str) -> Callable[..., Iterator[Event]]:
    module, _, name = runner.partition(":")
    found: Callable[..., Iterator[Event]] = getattr(importlib.import_module(module), name)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # two threads on busy cores are ten times slower than one
    return found


def _failed(error: Exception, home: Path) -> Failed:
    details = "".join(traceback.format_exception(error))
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        free = shutil.disk_usage(home).free / 2**20
        return Failed(
            reason=f"No space left on the disk of {home}: {free:.0f} MB are free.",
            advice="Free some, or choose another folder with PRUNELAB_HOME; then run it again.",
            traceback=details,
        )
    return Failed(
        reason=f"{type(error).__name__}: {error}",
        advice="This looks like a mistake in the method or the model; the details are below.",
        traceback=details,
    )


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
        say("gave up the store", run=key, attempt=attempt, why=str(error))
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - an event that is not plain data, above all
        last = _failed(error, store.home)
        patiently(lambda: store.finish(key, last, attempt=attempt), BOUND)
        os._exit(1)


def _write_all(store: Store, key: str, attempt: int, told: Queue) -> None:
    """Send events as they come; what the store cannot take now waits, and in the journal too."""
    sent, kept, since = 0, 0, time.monotonic()
    batch: list[Event] = []
    while True:
        batch = batch or _gather(told, RENEW, enough=1)
        try:
            _send(store, key, (attempt, sent + 1), batch)
        except StoreError as error:
            if isinstance(error, Lost) or time.monotonic() - since > BOUND:
                raise
            with contextlib.suppress(OSError):  # a full disk: they wait in memory alone
                journal.keep(store.home, key, (attempt, sent + kept + 1), batch[kept:])
                kept = len(batch)
        else:
            if kept:
                journal.forget(store.home, key, attempt)
            if batch and isinstance(batch[-1], LAST):
                return
            sent, kept, since, batch = sent + len(batch), 0, time.monotonic(), []
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
