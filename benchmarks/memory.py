"""Whether the app's memory levels off: its size and its live objects, page after page.

    python benchmarks/memory.py [--rounds 12] [--pages 250] [--sessions 10] [--trace] [--write]

Sessions open pages without a pause and close; then new ones come, as over a long day. After each
round the server counts its live blocks of Python's allocator (``sys.getallocatedblocks``), after a
collection: blocks that stay level while the process grows are memory that the allocator keeps for
later, blocks that grow are a leak. ``--trace`` says where the growth of the second half came from.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import websockets
from load import PAGES, TINY, look, serving
from written import put, table

from prunelab.events import Finished, Measured, Started
from prunelab.spec import sweep
from prunelab.store import Store

RUNS = 300
TOLD = "PRUNELAB_BENCHMARK_TOLD"
# The server, which tells of itself when it is asked by a signal.
SERVER = f"""
import gc, json, os, signal, sys, threading, tracemalloc
if os.environ.get("PRUNELAB_BENCHMARK_TRACE"):
    tracemalloc.start(6)
kept = []
def tell():
    gc.collect()
    told = {{"blocks": sys.getallocatedblocks(), "where": []}}
    if tracemalloc.is_tracing():
        now = tracemalloc.take_snapshot()
        kept.append(now)
        if len(kept) > 1:
            grown = now.compare_to(kept[-2], "traceback")[:12]
            told["where"] = [[s.size_diff, s.count_diff, s.traceback.format()] for s in grown]
    partial = os.environ["{TOLD}"] + ".partial"
    with open(partial, "w") as file:
        json.dump(told, file)
    os.replace(partial, os.environ["{TOLD}"])
signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=tell).start())
from streamlit.web.cli import main
main()
"""


def finished(home: Path) -> None:
    """A store with something to show on every page."""
    store = Store(home=home)
    for spec in sweep(TINY, seed=range(RUNS)):
        key = store.submit(spec)
        started = Started(
            key=key, spec=spec.to_json(), settings={}, manifest={}, plan={}, unit="node", of=10
        )
        measured = Measured(stage="recovered", part="test", values={"accuracy": 0.9})
        events = [started, measured, Finished(seconds=1)]
        store.append(key, events, attempt=store.claim(key, "me"))
    store.close()


async def visitors(url: str, sessions: int, pages: int) -> int:
    """So many browsers at once open so many pages in all; the errors they were shown."""

    async def visit(share: int) -> int:
        origin = url.replace("ws", "http")
        async with websockets.connect(
            f"{url}/_stcore/stream", subprotocols=["streamlit"], origin=origin, max_size=None
        ) as connection:
            return sum([bool((await look(random.choice(PAGES), connection)).error)
                        for _ in range(share)])  # fmt: skip

    return sum(await asyncio.gather(*(visit(pages // sessions) for _ in range(sessions))))


def told(server: psutil.Process, place: Path) -> dict[str, Any]:
    """What the server says of itself."""
    place.unlink(missing_ok=True)
    server.send_signal(signal.SIGUSR1)
    while not place.exists():
        time.sleep(0.1)
    found: dict[str, Any] = json.loads(place.read_text())
    return found


def grown(home: Path, rounds: int, pages: int, sessions: int, *, trace: bool) -> list[list[str]]:
    """Size and live blocks after each round."""
    rows = []
    place = home / "told.json"
    os.environ[TOLD] = str(place)
    os.environ["PRUNELAB_BENCHMARK_TRACE"] = "1" if trace else ""
    command = (sys.executable, "-c", SERVER)
    # Sessions whose browser is gone are kept for five minutes; here for seconds.
    flags = ("--server.disconnectedSessionTTL", "2")
    with serving(home, command, flags) as (url, server):
        asyncio.run(visitors(url, 2, 20))
        for number in range(rounds + 1):
            errors = asyncio.run(visitors(url, sessions, pages)) if number else 0
            assert not errors, f"{errors} pages showed an error"
            time.sleep(5 if number else 0)
            if trace and number not in (0, rounds // 2, rounds):
                continue
            now, size = told(server, place), server.memory_info().rss / 2**20
            rows.append([f"{number * pages:,}", f"{size:.0f}", f"{now['blocks'] / 1000:.0f}"])
            print(*rows[-1], flush=True)
    for bytes_, count, lines in now["where"]:
        print(f"\n{bytes_ / 1024:+.0f} kB, {count:+} objects", *lines, sep="\n")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--pages", type=int, default=250)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--write", action="store_true", help="into docs/engine.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        finished(home)
        rows = grown(home, given.rounds, given.pages, given.sessions, trace=given.trace)
    columns = ["pages opened", "memory of the app, MB", "live blocks of Python, thousands"]
    if given.write:
        put("engine.md", "memory", table(columns, rows))


if __name__ == "__main__":
    main()
