"""A hundred runs on two workers: the time on the wall beside the sum of the runs' own times by two.

    python benchmarks/two_workers.py [--runs 100] [--write]    # --write: into docs/engine.md

Starting a process for each run, sharing the dense network and writing the store are what it loses.
On a busy machine both sides take longer; the share says what the engine itself costs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from written import machine, put

from prunelab import engine
from prunelab.spec import RunSpec
from prunelab.store import Store

WORKERS = 2


def main() -> None:
    """Queue them all, wait for the last, print the share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    runs = asked.runs
    os.environ |= {"PRUNELAB_WORKERS": str(WORKERS), "OMP_NUM_THREADS": "1"}
    where = machine()
    with tempfile.TemporaryDirectory() as home:
        store = Store(home=Path(home))
        engine.submit(store, RunSpec(seed=runs, epochs=1))  # the engine starts, and imports
        _wait(store, 1)
        begun = time.perf_counter()
        keys = [engine.submit(store, RunSpec(seed=seed, epochs=60)) for seed in range(runs)]
        _wait(store, runs + 1)
        taken = time.perf_counter() - begun
        own = sum(store.result(key).seconds for key in keys)
        engine.stop(Path(home))
    said = (
        f"{where[0].upper()}{where[1:]}. {runs} runs of {own / runs:.2f} s on {WORKERS} workers "
        f"took {taken:.1f} s: {own / WORKERS / taken:.0%} of the ideal, the sum of their times by "
        f"{WORKERS}."
    )
    print(said)
    if asked.write:
        put("engine.md", "workers", said)


def _wait(store: Store, runs: int) -> None:
    while store.count(state="finished") < runs:
        if failed := store.count(state="failed"):
            raise SystemExit(f"{failed} runs failed.")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
