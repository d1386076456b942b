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
from prunelab import processes
from prunelab.database import address
from prunelab.files import home as default_home
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError

LOCK, STATE, LOG = "engine.lock", "engine.json", "engine.log"
PATIENCE = 10.0  # seconds an engine has to stop before it is killed

_started: dict[Path, subprocess.Popen[bytes]] = {}  # by this process; kept so that none is a zombie


class Settings(NamedTuple):
    """Local workers, seconds until an idle engine ends, limits of a run (0 is none)."""

    workers: int
    idle: float
    seconds: float
    megabytes: float


class Status(NamedTuple):
    """Whether an engine serves a home folder. ``workers`` is 0 while it starts or has lost them."""

    alive: bool
    pid: int = 0
    workers: int = 0
    store: str = ""
    identity: str = ""


def submit(store: Store, spec: RunSpec, *, owner: str = "", again: bool = False) -> str:
    """Queue a run, see to it that an engine is there, and return the run's key."""
    key = store.submit(spec, owner=owner, again=again)
    if store.state(key) in ("queued", "running"):
        ensure(store.home, store.url)
    return key


def cancel(store: Store, key: str) -> None:
    """Stop a run: at once while it is queued, within a second while it runs."""
    store.request_cancel(key)
    if store.state(key) == "running":
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


def setting(name: str, default: float) -> float:
    """A number from the environment.

    Raises:
        StoreError: it is none, or negative.
    """
    text = os.environ.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise StoreError(f"{name} must be a number of at least 0, got {text!r}.")
    return number


def settings() -> Settings:
    """How the engine works, from the environment, else the defaults."""
    return Settings(
        workers=max(1, int(setting("PRUNELAB_WORKERS", min(2, os.cpu_count() or 1)))),
        idle=setting("PRUNELAB_IDLE", 900),
        seconds=setting("PRUNELAB_TIME_LIMIT", 0),
        megabytes=setting("PRUNELAB_MEMORY_LIMIT", 0),
    )


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
