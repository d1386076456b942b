"""How much one machine bears: many browsers at once, a long queue, a store of ten thousand runs.

    python benchmarks/load.py [--sessions 50] [--runs 1000] [--seconds 120] [--write]
    python benchmarks/load.py --training --sessions 10 [--write]
    python benchmarks/load.py --stored 10000 [--write]         # --write: into docs/engine.md

The sessions speak Streamlit's own protocol over websockets, as a browser does, each opening pages
at random with a pause to look at them; what a browser then draws is not part of the time. Nothing
here is a test, because a busy machine would fail it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from socket import socket
from typing import Any, NamedTuple

import psutil
import websockets
from sqlalchemy import text
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from written import machine, put, table

from prunelab import engine
from prunelab.events import Epoch, Finished, Measured, Started
from prunelab.limits import refuse
from prunelab.spec import RunSpec, sweep
from prunelab.store import Store

ROOT = Path(__file__).parents[1]
PAGES = ("", "lab", "sweep", "runs", "methods")
EVERY = ("", *sorted(page.stem for page in (ROOT / "pages").glob("*.py") if page.stem != "home"))
PAUSE = 8.0  # seconds somebody looks at a page, on average
LONG = RunSpec(model="resnet-narrow", method="l1-filter", sparsity=0.5, epochs=1000)
TINY = RunSpec(data="iris", model="decision-tree", method="cost-complexity", sparsity=0.5)


class Seen(NamedTuple):
    """One page that a session asked for; the error that it showed, if any."""

    page: str
    seconds: float
    error: str


@contextlib.contextmanager
def serving(
    home: Path,
    command: Sequence[str] = (sys.executable, "-m", "streamlit"),
    more: Sequence[str] = (),
) -> Iterator[tuple[str, psutil.Process]]:
    """The app with a home of its own."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--server.port", str(port), "--server.headless", "true"]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "run", "app.py", *flags, *more],
            cwd=ROOT,
            env=os.environ | {"PRUNELAB_HOME": str(home), "PRUNELAB_SHARED": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                break
            time.sleep(0.2)
        yield f"ws://127.0.0.1:{port}", psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()
        engine.stop(home)


async def look(page: str, connection: Any) -> Seen:
    """Open a page and wait until the app has said all of it."""
    asked = BackMsg()
    asked.rerun_script.page_name = page
    told, error, shown, began = ForwardMsg(), "", False, time.perf_counter()
    await connection.send(asked.SerializeToString())
    while told.WhichOneof("type") != "script_finished" or told.script_finished != 0:
        told = ForwardMsg()
        told.ParseFromString(await connection.recv())
        element = told.delta.new_element
        shown |= element.HasField("dataframe")
        if element.HasField("exception"):
            error = element.exception.message
    if page == "runs" and not shown:
        error = error or "no table"
    return Seen(page or "home", time.perf_counter() - began, error)


async def session(url: str, until: float, pages: Sequence[str]) -> list[Seen]:
    """One browser: a page, a look, the next page."""
    seen: list[Seen] = []
    await asyncio.sleep(random.uniform(0, PAUSE))
    origin = url.replace("ws", "http")
    async with websockets.connect(
        f"{url}/_stcore/stream", subprotocols=["streamlit"], origin=origin, max_size=None
    ) as connection:
        while time.monotonic() < until:
            seen.append(await look(random.choice(pages), connection))
            await asyncio.sleep(random.expovariate(1 / PAUSE))
    return seen


async def crowd(url: str, count: int, seconds: float, pages: Sequence[str] = PAGES) -> list[Seen]:
    """Many browsers at once."""
    until = time.monotonic() + seconds
    groups = await asyncio.gather(*(session(url, until, pages) for _ in range(count)))
    return [seen for group in groups for seen in group]


def shown(seen: list[Seen], how: str) -> str:
    """What was done, the errors that pages showed, and percentiles by page."""
    rows = []
    for page in [*sorted({s.page for s in seen}), "all"]:
        times = sorted(1000 * s.seconds for s in seen if page in (s.page, "all"))
        cuts = statistics.quantiles(times, n=20, method="inclusive") if times[1:] else times * 19
        numbers = (statistics.median(times), cuts[18], times[-1])
        rows.append([page, f"{len(times):,}", *(f"{number:,.0f}" for number in numbers)])
    errors = ", ".join(sorted({s.error for s in seen if s.error})) or "none"
    columns = ["page", "opened", "median ms", "95th percentile ms", "worst ms"]
    return f"{how} Errors shown: {errors}.\n\n{table(columns, rows)}"


def busy(home: Path, sessions: int, runs: int, seconds: float) -> str:
    """Sessions look at pages while a long queue is worked off, and then all of it is."""
    store = Store(home=home)
    specs = sweep(TINY, seed=range(runs))
    refuse(specs)
    with serving(home) as (url, server):
        asyncio.run(crowd(url, 2, 20))
        for spec in specs:
            store.submit(spec)
        engine.ensure(home, store.url)
        asyncio.run(crowd(url, sessions, PAUSE + 10))
        early = server.memory_info().rss
        began, done = time.perf_counter(), store.count(state="finished")
        seen = asyncio.run(crowd(url, sessions, seconds))
        took = time.perf_counter() - began
        late = server.memory_info().rss
        pace = (store.count(state="finished") - done) / took
        while store.count(state=["queued", "running"]):
            time.sleep(1)
        ends = {state: store.count(state=state) for state in ("finished", "failed")}
    store.close()
    return shown(
        seen,
        f"{sessions} sessions for {took:.0f} s, a page every {PAUSE:g} s each, beside {runs:,} "
        f"queued runs: {pace:.1f} of these finished a second, {ends['finished']:,} in the end, "
        f"{ends['failed']} failed. Memory of the app {early >> 20} MB at first, {late >> 20} MB at "
        "the end.",
    )


def beside(home: Path, sessions: int, seconds: float) -> str:
    """Sessions look at every page while one network trains."""
    store = Store(home=home)
    with serving(home) as (url, _):
        asyncio.run(crowd(url, 2, 20, EVERY))
        key = engine.submit(store, LONG)
        while store.row(key).state != "running":
            time.sleep(0.1)
        began, load = time.perf_counter(), f"{os.getloadavg()[0]:.1f}"
        seen = asyncio.run(crowd(url, sessions, seconds, EVERY))
        took, state = time.perf_counter() - began, store.row(key).state
        engine.cancel(store, key)
    store.close()
    return shown(
        seen,
        f"{sessions} sessions for {took:.0f} s, a page every {PAUSE:g} s each, beside one run "
        f"({LONG.model} on {LONG.data}, {state} at the end; load {load} when the sessions began).",
    )


def fill(store: Store, runs: int, events: int) -> None:
    """A store with many runs, each with many events; all but the first are copies of it."""
    key = store.submit(TINY)
    attempt = store.claim(key, "me")
    epochs = events - 3
    started = Started(
        key=key, spec=TINY.to_json(), settings={}, manifest={}, plan={"dense": epochs}, unit="node",
        of=10,
    )  # fmt: skip
    told = [
        Epoch(
            phase="dense", epoch=n, epochs=epochs, loss=1 / n, validation_loss=1 / n, accuracy=0.9,
            sparsity=0.0, zeros_kept=True, layers={"fc1": 0.9, "fc2": 0.9},
        )
        for n in range(1, epochs + 1)
    ]  # fmt: skip
    values = {"accuracy": 0.9, "params": 1000, "bytes": {"raw": 4000, "zip": 2000}}
    measured = Measured(stage="recovered", part="test", values=values)
    store.append(key, [started, *told, measured, Finished(seconds=1)], attempt=attempt)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i < :runs) "
    with store.writing() as connection:
        names = [c[1] for c in connection.exec_driver_sql("PRAGMA table_info(runs)")]
        own = ",".join({"key": "key || '-' || i", "place": "i"}.get(n, n) for n in names)
        columns = ",".join(f'"{n}"' for n in names)
        connection.execute(
            text(f"INSERT INTO runs ({columns}) {numbers} SELECT {own} FROM runs, n"),
            {"runs": runs},
        )
        connection.execute(
            text(
                f"INSERT INTO events (run,attempt,seq,body) {numbers} "
                "SELECT run || '-' || i, attempt, seq, body FROM n, events"
            ),
            {"runs": runs},
        )


def large(home: Path, runs: int, events: int = 200) -> str:
    """How long the Runs page and its queries take with a large store."""
    store = Store(home=home)
    fill(store, runs, events)
    size = (home / "store.db").stat().st_size / 2**20
    last = store.runs(1)[0].key
    calls = {
        "count": store.count,
        "first page": lambda: store.runs(100),
        "a page in the middle": lambda: store.runs(100, runs // 2),
        "a filter": lambda: store.runs(100, method=["cost-complexity"], state="finished"),
        "one run in full": lambda: Store(home=home).result(last),
    }
    rows = []
    for name, call in calls.items():
        times = []
        for _ in range(10):
            began = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - began))
        rows.append([f"query: {name}", f"{statistics.median(times):.1f}", f"{max(times):.1f}"])
    with serving(home) as (url, _):
        first, *others = asyncio.run(only_runs(url))
    times = [1000 * seen.seconds for seen in others]
    rows.append(["the Runs page", f"{statistics.median(times):.0f}", f"{max(times):.0f}"])
    store.close()
    return (
        f"{runs:,} stored runs of {events} events each, {size:,.0f} MB. The Runs page takes "
        f"{first.seconds:.1f} s the very first time in a new home, while the catalogue is made.\n\n"
    ) + table(["what", "median ms", "worst ms of 10"], rows)


async def only_runs(url: str) -> list[Seen]:
    """The Runs page, again and again, in one session."""
    async with websockets.connect(
        f"{url}/_stcore/stream", subprotocols=["streamlit"], max_size=None
    ) as connection:
        return [await look("runs", connection) for _ in range(11)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--training", action="store_true", help="beside one long run instead")
    parser.add_argument("--stored", type=int, help="measure a store of so many runs instead")
    parser.add_argument("--write", action="store_true", help="into docs/engine.md")
    given = parser.parse_args()
    where = machine()
    with tempfile.TemporaryDirectory() as folder:
        if given.stored:
            name, said = "stored", large(Path(folder), given.stored)
        elif given.training:
            name, said = "training", beside(Path(folder), given.sessions, given.seconds)
        else:
            name = "sessions"
            said = busy(Path(folder), given.sessions, given.runs, given.seconds)
    said = f"{where[0].upper()}{where[1:]}. {said}"
    print(said)
    if given.write:
        put("engine.md", name, said)


if __name__ == "__main__":
    main()
