"""The engine process: gives queued runs to Dask workers, and queues again what was interrupted.

It knows nothing that is not in the store, so that it may die at any time and start again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prunelab import engine, processes
from prunelab.child import RUNNER
from prunelab.files import home as default_home
from prunelab.ledger import Row
from prunelab.store import Store, StoreError
from prunelab.supervisor import Order, execute

# Dask is imported where it is used: every worker and child imports this module as its main one.

TICK = 0.1
BEAT = 1.0
AHEAD = 200  # waiting runs looked at, when those before them wait for a dense model
SCRATCH = "engine"


def main() -> int:
    """Serve the store until told to stop, or idle and unused; one engine per home folder."""
    home = default_home().absolute()
    lock = processes.lock(home / engine.LOCK, patience=2.0)
    if lock is None:
        return 0
    ended = threading.Event()
    for name in {"SIGTERM", "SIGINT", "SIGHUP"} & set(signal.Signals.__members__):
        signal.signal(signal.Signals[name], lambda *_: ended.set())
    store = Store(home=home)
    try:
        with _cluster(home) as client:
            _serve(store, client, home, ended)
    except (OSError, RuntimeError) as error:  # a scheduler that is away, workers that cannot start
        _say(error)
        ended.wait(2.0)
    _close(store, home)
    lock.close()
    if store.queued() and not ended.is_set():
        # After a fault; or submitted while the lock was held, so that nobody started an engine.
        os.execv(sys.executable, [sys.executable, "-m", "prunelab.dispatcher"])
    return 0


@contextlib.contextmanager
def _cluster(home: Path) -> Iterator[Any]:
    """A client of the cluster PRUNELAB_SCHEDULER names, else of workers on this machine."""
    dask: Any = importlib.import_module("dask")
    distributed: Any = importlib.import_module("distributed")
    _tell(home, 0)
    if address := os.environ.get("PRUNELAB_SCHEDULER"):
        with distributed.Client(address, timeout=5) as client:
            yield client
        return
    dask.config.set(
        {
            "temporary-directory": str(home / SCRATCH),
            "distributed.worker.daemon": False,  # a worker has children of its own
            "distributed.scheduler.allowed-failures": 0,  # the store says how often to try
            "distributed.worker.profile.enabled": False,  # nor watch it many times a second:
            "distributed.admin.tick.interval": "1s",
            "distributed.admin.system-monitor.interval": "5s",
        }
    )
    cluster = distributed.LocalCluster(
        n_workers=engine.settings().workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,
        preload=["prunelab.supervisor"],
        silence_logs=logging.ERROR,
    )
    try:
        yield distributed.Client(cluster)
    finally:
        # Not closed politely: that takes seconds, and what ran is safe in the store.
        for nanny in cluster.workers.values():
            nanny.close_gracefully()  # this only says not to start another worker
            processes.kill(nanny.pid or 0)
        shutil.rmtree(home / SCRATCH, ignore_errors=True)


def _serve(store: Store, client: Any, home: Path, ended: threading.Event) -> None:
    flying: dict[str, Any] = {}
    workers, touched, limits = 0, 0.0, engine.settings()
    beat = used = time.monotonic()
    while not ended.wait(TICK) and (home / engine.LOCK).exists():
        now, mark = time.monotonic(), (home / engine.LOCK).stat().st_mtime
        due = not workers or now - beat > BEAT
        if due:
            workers, beat = len(client.nthreads()), now
            _tell(home, workers)
        if flying or mark != touched:
            used, touched = now, mark
        try:
            if flying or due:
                _tidy(store, flying)
            _give(store, client, flying, workers)
        except StoreError as error:
            _say(error)
            ended.wait(BEAT)
        if now - used > limits.idle:
            return


def _tidy(store: Store, flying: dict[str, Any]) -> None:
    """Forget the tasks that are done, and queue again the runs whose worker is no more."""
    for key in [key for key, future in flying.items() if future.done()]:
        future = flying.pop(key)
        if future.status == "error":
            _say(future.exception())
    for run in store.runs(limit=AHEAD, state="running"):
        if processes.gone(run.worker):
            store.requeue(run.key, run.attempt, "its worker ended")
    store.expire()


def _give(store: Store, client: Any, flying: dict[str, Any], workers: int) -> None:
    """Give waiting runs to free workers, first come first."""
    waiting = store.queued()
    if not waiting or len(flying) >= workers:
        return
    dense = store.home / "files" / "dense"
    busy = store.rows(flying)
    limits = engine.settings()
    runner = os.environ.get("PRUNELAB_RUNNER", RUNNER)
    for run in store.rows([key for key in waiting if key not in flying][:AHEAD]):
        if len(flying) >= workers:
            return
        if not _must_wait(run, busy, dense):
            order = Order(
                run.key, store.url, str(store.home), runner, limits.seconds, limits.megabytes
            )
            flying[run.key] = client.submit(execute, order, pure=False, retries=0)
            busy.append(run)


def _must_wait(run: Row, busy: Iterable[Row], dense: Path) -> bool:
    """Whether another run is about to train the dense model that this one needs too."""
    if (dense / run.dense_key).exists():
        return False
    # Before its first event a run has not told yet whether it trains one.
    return any(
        other.dense_key == run.dense_key and (not other.result.unit or "dense" in other.result.plan)
        for other in busy
    )


def _close(store: Store, home: Path) -> None:
    with contextlib.suppress(StoreError):
        for run in store.runs(limit=AHEAD, state="running"):
            if processes.gone(run.worker):
                store.requeue(run.key, run.attempt, "the engine stopped", died=False)
    (home / engine.STATE).unlink(missing_ok=True)


def _tell(home: Path, workers: int) -> None:
    """Leave word of this engine for whoever looks for it."""
    me = {"pid": os.getpid(), "identity": processes.identity(), "workers": workers}
    partial = home / f"{engine.STATE}.{os.getpid()}"
    text = json.dumps(me | {"store": engine.store_name(home, None)})
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(home / engine.STATE)
    except OSError as error:  # a full disk is no reason to stop what runs
        _say(error)


def _say(what: object) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    code = main()
    os._exit(code)  # Dask's own goodbye waits for workers that are gone
