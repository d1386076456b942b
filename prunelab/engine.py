"""Who executes: starts, finds and stops the engine process. Plain Python, cheap in the app.

The engine (``python -m prunelab.dispatcher``) is a process of its own. It outlives the app that
started it, is found again through its lock, and ends when it has been idle and unused for long.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import prunelab
from prunelab import limits, processes, storage
from prunelab.database import address
from prunelab.files import home as default_home
from prunelab.space import Space
from prunelab.spec import RunSpec, SpecError
from prunelab.store import Store, StoreError

LOCK, STATE, LOG = "engine.lock", "engine.json", "engine.log"
LONG = 10 * 2**20  # bytes of a log
PATIENCE = 10.0  # seconds an engine has to stop before it is killed

_started: dict[Path, subprocess.Popen[bytes]] = {}  # by this process; kept so that none is a zombie


class Settings(NamedTuple):
    """Local workers, and seconds until an idle engine ends."""

    workers: int
    idle: float


class Status(NamedTuple):
    """Whether an engine serves a home folder. ``workers`` is 0 while it starts or has lost them."""

    alive: bool
    pid: int = 0
    workers: int = 0
    store: str = ""
    identity: str = ""
    gpus: int = 0
    problem: str = ""  # why it does not work now: the store or the scheduler is away


def submit(
    where: Store | Space,
    spec: RunSpec,
    *,
    owner: str = "",
    again: bool = False,
    priority: int = 0,
) -> str:
    """Queue a run, see to it that an engine is there, and return the run's key.

    Raises:
        SpecError: it is beyond a limit; the message says which.
    """
    limits.refuse([spec])
    store = where.store if isinstance(where, Space) else where
    for file in filter(None, (spec.data_knobs.get("file"), spec.weights)):
        storage.share_upload(store.home, str(file))
    if isinstance(where, Space):
        key = where.submit(spec, again=again, priority=priority)
    else:
        key = store.submit(spec, owner=owner, again=again, priority=priority)
    if where.state(key) in ("queued", "running"):
        ensure(store.home, store.url)
    return key


def resume(store: Store) -> int:
    """Let a paused queue go on, with an engine if any run waits in it; how many do."""
    store.pause(False)
    waiting = store.count(state="queued")
    if waiting:
        ensure(store.home, store.url)
    return waiting


def cancel(where: Store | Space, key: str) -> None:
    """Stop a run: at once while it is queued, within a second while it runs."""
    store = where.store if isinstance(where, Space) else where
    where.request_cancel(key)
    if where.state(key) == "running":
        ensure(store.home, store.url)  # a run whose engine died is ended by the next one


def ensure(home: Path | None = None, url: str | None = None) -> None:
    """Start the engine of a home folder unless it is there; returns without waiting for it.

    Raises:
        StoreError: the home folder cannot be written, or a setting is no number.
    """
    home = (home or default_home()).absolute()
    now = status(home)
    if now.alive and now.store not in ("", store_name(home, url)):
        stop(home)  # it serves another store, and would never see this one's runs
    elif now.alive or _is_starting(home):
        (home / LOCK).touch()  # in use: not yet time to end when idle
        return
    _start(home, url)


def stop(home: Path | None = None) -> None:
    """Stop the engine of a home folder, its workers and their runs, which wait to go on."""
    home = (home or default_home()).absolute()
    now = status(home)
    if now.alive and now.pid:
        os.kill(now.pid, signal.SIGTERM)
    elif _is_starting(home):
        _started[home].terminate()
    deadline = time.monotonic() + PATIENCE
    while status(home).alive and time.monotonic() < deadline:
        time.sleep(0.02)
    left = status(home)
    if left.alive and left.pid:
        processes.kill(left.pid)
    if home in _started:
        _started.pop(home).wait()


def status(home: Path | None = None) -> Status:
    """What is known of the engine of a home folder, without asking it."""
    home = (home or default_home()).absolute()
    if not (home / LOCK).exists():
        return Status(alive=False)
    free = processes.lock(home / LOCK, shared=True)
    if free:
        free.close()
        return Status(alive=False)
    told = _told(home)
    # Right after a start the file may still be a dead engine's: its pid may be anybody's by now.
    if processes.gone(told.get("identity", "")):
        return Status(alive=True)
    return Status(alive=True, **{k: told[k] for k in Status._fields[1:] if k in told})


def store_name(home: Path, url: str | None) -> str:
    """Names a store without telling the password in its URL."""
    return hashlib.sha256(address(home, url).encode()).hexdigest()[:16]


def settings() -> Settings:
    """How the engine works, from the environment, else the defaults.

    Raises:
        StoreError: a setting is no number of at least 0.
    """
    try:
        limits.limits()
        return Settings(
            workers=max(1, int(limits.number("PRUNELAB_WORKERS", min(2, os.cpu_count() or 1)))),
            idle=limits.number("PRUNELAB_IDLE", 900),
        )
    except SpecError as error:
        raise StoreError(str(error)) from error


def _told(home: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((home / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told


def _is_starting(home: Path) -> bool:
    return home in _started and _started[home].poll() is None


def _start(home: Path, url: str | None) -> None:
    settings()  # what is wrong in the environment is said here, not in the engine's log
    root = str(Path(prunelab.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PRUNELAB_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}
    if url:
        environment["PRUNELAB_STORE"] = url
    # Not a new session: Linux groups those for scheduling, and `nice` would mean nothing.
    group: dict[str, Any] = {} if sys.platform == "win32" else {"process_group": 0}
    try:
        home.mkdir(parents=True, exist_ok=True)
        _turn_over(home / LOG)
        with (home / LOG).open("ab") as log:
            _started[home] = subprocess.Popen(
                [sys.executable, "-m", "prunelab.dispatcher"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                **group,
            )
    except OSError as error:
        raise StoreError(
            f"The engine cannot start in {home} ({error}); set PRUNELAB_HOME to a folder of yours."
        ) from error


def _turn_over(log: Path) -> None:
    """Begin a new log when the old one is long; the one before it is kept."""
    if log.exists() and log.stat().st_size > LONG:
        log.replace(log.with_suffix(".log.1"))
