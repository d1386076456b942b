"""The engine process: gives queued runs to Dask workers, and queues again what was interrupted.

It knows nothing that is not in the store, so that it may die at any time and start again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from prunelab import engine, journal, limits, operations, processes, storage
from prunelab.child import RUNNER, Order
from prunelab.files import home as default_home
from prunelab.log import say
from prunelab.patience import patiently
from prunelab.row import Row
from prunelab.store import AHEAD, Store, StoreError
from prunelab.supervisor import execute

# Dask is imported where it is used: every worker and child imports this module as its main one.

TICK = 0.1
BEAT = 1.0
PAUSE = 2.0  # after a fault
SPARE = 600.0  # between looks at how much runs share
SCRATCH = "engine"
_DENSE = ("", "dense")  # phases of a run that may still train its dense model
GPU = "GPU"  # what Dask calls it: dask worker --resources GPU=1


class Force(NamedTuple):
    """How many runs, and how many of them on a GPU, can go on at once."""

    workers: int = 0
    gpus: int = 0


NOBODY = Force()


def main() -> int:
    """Serve the store until told to stop, or idle and unused; one engine per home folder."""
    home = default_home().absolute()
    lock = processes.lock(home / engine.LOCK, patience=2.0)
    if lock is None:
        return 0
    ended = threading.Event()
    for name in {"SIGTERM", "SIGINT", "SIGHUP"} & set(signal.Signals.__members__):
        signal.signal(signal.Signals[name], lambda *_: ended.set())
    say("engine started", home=str(home))
    left = _work(home, ended)
    (home / engine.STATE).unlink(missing_ok=True)
    left = left and (home / engine.LOCK).exists() and not ended.is_set()
    lock.close()
    say("engine ended", again=left)
    if left:
        # After a fault; or submitted while the lock was held, so that nobody started an engine.
        os.execv(sys.executable, [sys.executable, "-m", "prunelab.dispatcher"])
    return 0


def _work(home: Path, ended: threading.Event) -> bool:
    """Serve until told to stop or idle; whether there is something left to do."""
    try:
        store = patiently(lambda: _open(home, ended), engine.settings().idle)
    except (OSError, StoreError) as error:
        say("no store", why=str(error))
        return False
    fault = False
    try:
        with _cluster(home) as client:
            _serve(store, client, home, ended)
    except (OSError, RuntimeError) as error:  # a scheduler that is away, workers that cannot start
        say("fault", why=str(error))
        fault = True
        _tell(home, problem=str(error))
        ended.wait(PAUSE)
    with contextlib.suppress(StoreError):
        _close(store)
        return bool(store.queued(1) or (fault and store.count(state="running")))
    return True


def _open(home: Path, ended: threading.Event) -> Store:
    if ended.is_set():
        raise OSError("told to stop")
    try:
        return Store(home=home)
    except StoreError as error:
        _tell(home, problem=str(error))
        raise


@contextlib.contextmanager
def _cluster(home: Path) -> Iterator[Any]:
    """A client of the cluster PRUNELAB_SCHEDULER names, else of workers on this machine."""
    dask: Any = importlib.import_module("dask")
    distributed: Any = importlib.import_module("distributed")
    _tell(home)
    if address := os.environ.get("PRUNELAB_SCHEDULER"):
        client = distributed.Client(address, timeout=5)
        yield client  # not closed politely either: who serves it may be gone
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
        resources={GPU: 1} if _gpus() else None,
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
    force, touched, idle = NOBODY, 0.0, engine.settings().idle
    beat = used = time.monotonic()
    spared = -math.inf
    # Whatever was running when an earlier engine ended did not end it.
    _give_back(store, "the engine ended", died=False)
    while not ended.wait(TICK) and (home / engine.LOCK).exists():
        now, mark = time.monotonic(), (home / engine.LOCK).stat().st_mtime
        due = not force.workers or now - beat > BEAT
        if due:
            force, beat = _count(client, force), now
        if flying or mark != touched:
            used, touched = now, mark
        problem = ""
        try:
            if flying or due:
                _tidy(store, flying)
            _give(store, client, flying, force)
            spared = _spare(store, now, spared)
        except StoreError as error:
            problem = str(error)
            say("store away", why=problem)
            ended.wait(BEAT)
        if due or problem:
            _tell(home, force, problem)
        if now - used > idle:
            return


def _count(client: Any, before: Force) -> Force:
    """The workers there are now.

    Raises:
        OSError: the scheduler is away.
    """
    if client.status != "running":
        raise OSError("The scheduler is away.")
    known = client.scheduler_info(n_workers=-1)["workers"].values()
    gpus = sum(int(w["resources"].get(GPU, 0)) for w in known)
    if not os.environ.get("PRUNELAB_SCHEDULER"):
        gpus = min(gpus, _gpus())
    force = Force(sum(int(w["nthreads"]) for w in known), gpus)
    if force != before:
        say("workers", **force._asdict())
    return force


def _gpus() -> int:
    """GPUs of this machine, as its driver shows them; torch is too heavy to ask."""
    return sum(path.name[6:].isdigit() for path in Path("/dev").glob("nvidia*"))


def _tidy(store: Store, flying: dict[str, Any]) -> None:
    """Forget the tasks that are done, and queue again the runs whose worker is no more."""
    for key in [key for key, future in flying.items() if future.done()]:
        future = flying.pop(key)
        if future.status == "error":
            say("task failed", run=key, why=str(future.exception()))
    _give_back(store, "its worker ended", died=True)
    for key in store.expire():
        say("lease ended", run=key)


def _spare(store: Store, now: float, last: float) -> float:
    """Bound what runs share, once in a while; when that was last done."""
    if now - last < SPARE:
        return last
    with contextlib.suppress(OSError):  # a run is writing there: then the next time
        folders, freed = operations.spare(store)
        if folders:
            say("disk spared", folders=folders, bytes=freed)
    return now


def _give_back(store: Store, why: str, *, died: bool) -> None:
    for run in store.runs(limit=AHEAD, state="running"):
        if processes.gone(run.worker):
            state = journal.give_back(store, run.key, run.attempt, why, died=died)
            say("interrupted", run=run.key, attempt=run.attempt, why=why, state=state)


def _give(store: Store, client: Any, flying: dict[str, Any], force: Force) -> None:
    """Give waiting runs to free workers, in the store's order."""
    if len(flying) >= force.workers or store.paused():
        return
    waiting = [key for key in store.queued(AHEAD + len(flying)) if key not in flying]
    busy = store.rows(flying) if waiting else []
    for run in store.rows(waiting):
        if len(flying) >= force.workers:
            return
        if run.spec.device == "gpu" and not _gpu_free(store, run, busy, force):
            continue
        if not _must_wait(run, busy, store.home / "files" / storage.DENSE):
            flying[run.key] = _send(store, client, run)
            busy.append(run)


def _gpu_free(store: Store, run: Row, busy: Iterable[Row], force: Force) -> bool:
    store.must_wait(run.key, "" if force.gpus else "a worker with a GPU")
    return sum(other.spec.device == "gpu" for other in busy) < force.gpus


def _send(store: Store, client: Any, run: Row) -> Any:
    order = Order(
        key=run.key,
        url=store.url,
        home=str(store.home),
        runner=os.environ.get("PRUNELAB_RUNNER", RUNNER),
        files=storage.url(),
        most=limits.limits(),
    )
    wants = {GPU: 1} if run.spec.device == "gpu" else None
    say("sent", run=run.key, owner=run.owner, priority=run.priority)
    return client.submit(execute, order, pure=False, retries=0, resources=wants)


def _must_wait(run: Row, busy: Iterable[Row], dense: Path) -> bool:
    """Whether another run is about to train the dense model that this one needs too."""
    if (dense / run.dense_key).exists():
        return False
    # Before its first event a run has not told yet whether it trains one; past its dense phase it
    # has, though on another machine's disk.
    return any(
        other.dense_key == run.dense_key
        and (not other.result.unit or ("dense" in other.result.plan and other.phase in _DENSE))
        for other in busy
    )


def _close(store: Store) -> None:
    _give_back(store, "the engine stopped", died=False)


def _tell(home: Path, force: Force = NOBODY, problem: str = "") -> None:
    """Leave word of this engine for whoever looks for it."""
    me = {"pid": os.getpid(), "identity": processes.identity(), **force._asdict()}
    partial = home / f"{engine.STATE}.{os.getpid()}"
    text = json.dumps(me | {"store": engine.store_name(home, None), "problem": problem})
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(home / engine.STATE)
    except OSError as error:  # a full disk is no reason to stop what runs
        say("cannot tell", why=str(error))


if __name__ == "__main__":
    code = main()
    os._exit(code)  # Dask's own goodbye waits for workers that are gone
