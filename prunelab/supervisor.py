"""What a Dask worker does for a run: keeps one child process, and ends it for a good reason."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from prunelab import processes
from prunelab.child import RUNNER, work
from prunelab.events import Failed
from prunelab.store import Store, StoreError

POLL = 0.1  # seconds between two looks at the child and at the store
GRACE = 2.0  # for a child whose run has ended to end by itself
TORCH = ["torch", "torch._dynamo", "torch.optim"]


class Order(NamedTuple):
    """Which run to carry out, where it is kept, and its limits (0 is none)."""

    key: str
    url: str
    home: str
    runner: str = RUNNER
    seconds: float = 0.0
    megabytes: float = 0.0


def execute(order: Order) -> str:
    """Carry out a queued run in a child process and return the state it ends in."""
    store = Store(order.url, Path(order.home))
    try:
        attempt = store.claim(order.key, processes.identity())
        if not attempt:
            return store.state(order.key)
        child = _start(order, attempt)
        failed = _watch(child, store, order, attempt)
        if failed and not store.cancel_requested(order.key):
            store.finish(order.key, failed, attempt=attempt)
        return store.requeue(order.key, attempt, _reason(child.exitcode))
    finally:
        store.close()


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


def _start(order: Order, attempt: int) -> BaseProcess:
    # Workers of somebody else's cluster are daemons, which Python forbids children to.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    warm(order.runner)
    kinds = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in kinds else "spawn")
    given = (order.key, order.url, Path(order.home), attempt, order.runner)
    child: BaseProcess = context.Process(target=work, args=given, daemon=True)
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
        failed = _beyond(order, time.monotonic() - began, processes.memory(child.pid or 0))
    if child.exitcode is None:
        processes.kill(child.pid or 0)
        child.join()
    return failed


def _beyond(order: Order, seconds: float, size: int) -> Failed | None:
    if order.seconds and seconds > order.seconds:
        return Failed(
            reason=f"The run took longer than the time limit of {order.seconds:g} s.",
            advice="Choose fewer epochs or a smaller model, or raise PRUNELAB_TIME_LIMIT.",
        )
    if order.megabytes and size > order.megabytes * 2**20:
        return Failed(
            reason=f"The run needs {size / 2**20:.0f} MB; the memory limit is "
            f"{order.megabytes:g} MB.",
            advice="Choose a smaller model or batch, or raise PRUNELAB_MEMORY_LIMIT.",
        )
    return None


def _reason(code: int | None) -> str:
    if code is None or code == 0:
        return "it ended without a result"
    return f"signal {-code}" if code < 0 else f"exit status {code}"
