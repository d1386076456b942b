"""A run in this process, kept in the store like any other; or followed where it already runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from prunelab import processes
from prunelab.events import Cancelled, Event, Failed, Finished
from prunelab.files import forget_checkpoint
from prunelab.spec import RunSpec
from prunelab.store import LEASE, Store

POLL = 0.1  # seconds between two looks at a run that another process works on
GAP = 0.25  # seconds between two writes; the first event and the last do not wait
LOOK = 1.0  # seconds between two looks whether it still does
LAST = (Finished, Failed, Cancelled)


def follow(spec: RunSpec, store: Store, *, again: bool = False) -> Iterator[Event]:
    """The events of a run: of the one that is stored, that runs elsewhere, or that starts here.

    Closing the iterator before its end, or Ctrl-C, cancels a run that started here; the next call
    goes on where it was, unless ``again``.
    """
    key = store.submit(spec, again=again)
    seen, looked = 0, -LOOK
    while (state := store.state(key)) != "queued" or not (
        attempt := store.claim(key, processes.identity())
    ):
        for number, event in store.events(key, after=seen):
            seen = number
            yield event
        if state not in ("queued", "running"):
            return
        if time.monotonic() - looked > LOOK:
            looked = time.monotonic()
            store.expire()  # one whose process is gone, with no engine to see it, begins again here
        time.sleep(POLL)
    yield from _work(spec, store, attempt)


def _work(spec: RunSpec, store: Store, attempt: int) -> Iterator[Event]:
    from prunelab.experiment import run

    last: Finished | Failed | Cancelled = Cancelled()
    folder, dense = store.folder(spec.key), store.home / "files" / "dense"
    told, written = list[Event](), -GAP
    with _renewed(store, spec.key, attempt):
        try:
            for event in run(spec, files=folder, dense=dense):
                if isinstance(event, LAST):
                    last = event
                    break
                told.append(event)
                if time.monotonic() - written >= GAP:
                    store.append(spec.key, told, attempt=attempt)
                    told, written = [], time.monotonic()
                yield event
        finally:  # also where the caller stops listening
            if told and store.renew(spec.key, attempt):  # else somebody has ended it meanwhile
                store.append(spec.key, told, attempt=attempt)
            store.finish(spec.key, last, attempt=attempt)
    if isinstance(last, Finished):
        forget_checkpoint(folder)
    yield last


@contextlib.contextmanager
def _renewed(store: Store, key: str, attempt: int) -> Iterator[None]:
    """Keep the lease while an epoch takes longer than it."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(LEASE / 5):
            store.renew(key, attempt)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
