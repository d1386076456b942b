"""What a Dask worker does for a run: keeps one child process, and ends it for a good reason."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from prunelab import journal, limits, processes
from prunelab.child import BOUND, RUNNER, Order, work
from prunelab.events import Failed
from prunelab.log import say
from prunelab.patience import patiently
from prunelab.store import Store, StoreError

POLL = 0.1  # seconds between two looks at the child and at the store
GRACE = 2.0  # for a child whose run has ended to end by itself
TORCH = ["torch", "torch._dynamo", "torch.optim"]


def execute(order: Order) -> str:
    """Carry out a queued run in a child process and return the state it ends in."""
    # Another machine may have no such folder; then its own PRUNELAB_HOME says where to work.
    home = Path(os.environ.setdefault("PRUNELAB_HOME", order.home))
    home.mkdir(parents=True, exist_ok=True)
    store = Store(order.url, home)
    try:
        attempt = store.claim(order.key, processes.identity())
        if not attempt:
            return store.state(order.key)
        say("began", run=order.key, attempt=attempt)
        return _carry_out(store, order, attempt)
    finally:
        store.close()


def _carry_out(store: Store, order: Order, attempt: int) -> str:
    child = _start(store, order, attempt)
    failed = _watch(child, store, order, attempt)

    def ended() -> str:
        if failed and not store.cancel_requested(order.key):
            store.finish(order.key, failed, attempt=attempt)
        return journal.give_back(store, order.key, attempt, _reason(child.exitcode))

    state = patiently(ended, BOUND)
    told = {"run": order.key, "attempt": attempt, "exit": child.exitcode, "state": state}
    say("ended", **told, why=failed.reason if failed else "")
    return state


def warm(runner: str = RUNNER) -> None:
    """Have a process ready that has imported all a run needs, so that runs begin at once.

    It only imports: to fork after the first tensor operation would copy broken threads.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        module = runner.partition(":")[0]
        wanted = [*(TORCH if runner == RUNNER else []), "prunelab.child", module]
        multiprocessing.set_forkserver_preload(wanted)
        from multiprocessing import forkserver

        forkserver.ensure_running()


def dask_setup(_worker: Any) -> None:
    """Dask calls this as a worker starts (``preload``)."""
    warm(os.environ.get("PRUNELAB_RUNNER", RUNNER))


def _start(store: Store, order: Order, attempt: int) -> BaseProcess:
    # Workers of somebody else's cluster are daemons, which Python forbids children to.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    warm(order.runner)
    kinds = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in kinds else "spawn")
    order = order._replace(home=str(store.home))
    child: BaseProcess = context.Process(target=work, args=(order, attempt), daemon=True)
    child.start()
    return child


def _watch(child: BaseProcess, store: Store, order: Order, attempt: int) -> Failed | None:
    """Wait for the child's end, or end it: cancelled, no longer wanted, or beyond a limit."""
    began, failed = time.monotonic(), None
    while child.exitcode is None and failed is None:
        child.join(POLL)
        with contextlib.suppress(StoreError):  # unreachable now and then is no reason to stop
            run = store.row(order.key)
            if (run.state, run.attempt) != ("running", attempt):
                child.join(GRACE)
                break
            if run.cancel:
                break
        taken = time.monotonic() - began
        failed = limits.too_late(taken, order.most)
        failed = failed or limits.too_large(processes.memory(child.pid or 0), order.most)
    if child.exitcode is None:
        processes.kill(child.pid or 0)
        child.join()
    return failed


def _reason(code: int | None) -> str:
    if code is None or code == 0:
        return "it ended without a result"
    return f"signal {-code}" if code < 0 else f"exit status {code}"
