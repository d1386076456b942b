"""Looking after an installation: what works (doctor), and what can go (vacuum)."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from prunelab import engine, limits, storage
from prunelab.database import StoreError
from prunelab.files import home as default_home
from prunelab.spec import SpecError
from prunelab.store import Store

NEEDED = ("torch", "numpy", "scikit-learn", "SQLAlchemy", "alembic", "distributed", "streamlit")
OPTIONAL = ("psycopg", "onnxruntime", "transformers")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DENSE_DAYS, DENSE_MEGABYTES = 30.0, 2000.0  # how long, and how much, unused dense models stay
_HOUR = 3600.0

State = Literal["ok", "note", "problem"]


class Check(NamedTuple):
    """One thing that was looked at; a "note" is no fault, a "problem" is."""

    name: str
    state: State
    said: str


class Vacuumed(NamedTuple):
    """What went: folders of no run, dense models, and bytes."""

    folders: int
    dense: int
    bytes: int


def doctor(home: Path | None = None, url: str | None = None) -> list[Check]:
    """Look at everything a run needs; what cannot be reached is said, nothing is started."""
    home = home or default_home()
    checks: dict[str, Callable[[], tuple[State, str]]] = {
        "python": lambda: ("ok", f"{platform.python_version()} on {platform.platform()}"),
        "packages": _packages,
        "settings": _settings,
        "home": lambda: _home(home),
        "store": lambda: _store(home, url),
        "files": _files,
        "engine": lambda: _engine(home),
        "scheduler": _scheduler,
        "gpu": _gpu,
        "browser": _browser,
    }
    return [Check(name, *_looked(check)) for name, check in checks.items()]


def vacuum(
    store: Store, *, days: float = DENSE_DAYS, megabytes: float = DENSE_MEGABYTES
) -> Vacuumed:
    """Remove folders that belong to no run, and dense models that are old or too many."""
    orphans = list(_orphans(store))
    freed = sum(map(_size, orphans))
    for path in orphans:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    dense, spared = spare(store, days=days, megabytes=megabytes)
    store.compact()
    return Vacuumed(len(orphans), dense, freed + spared)


def spare(
    store: Store, *, days: float = DENSE_DAYS, megabytes: float = DENSE_MEGABYTES
) -> tuple[int, int]:
    """Remove what runs shared and no longer need; how many folders went, and bytes.

    A dense model, or scores kept beside it, goes when nobody used it for ``days``, and the least
    used ones until all take no more than ``megabytes``; models of waiting and running runs stay. A
    run that needs what went works it out again.
    """
    gone = list(_superfluous(store, days, megabytes))
    freed = sum(map(_size, gone))
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone), freed


def _looked(check: Callable[[], tuple[State, str]]) -> tuple[State, str]:
    try:
        return check()
    except (StoreError, SpecError) as error:
        return "problem", str(error)


def _orphans(store: Store) -> Iterator[Path]:
    """Folders of runs that were deleted, and what a killed process left half-written."""
    files = store.home / "files"
    # Folders are listed before runs are: a run is in the store before its folder is made.
    found = [
        p for p in [*_inside(files), *_inside(store.home / "cache")] if p.name != storage.DENSE
    ]
    known = {row.key for row in store.rows({p.name for p in found})}
    old = time.time() - _HOUR
    yield from (p for p in found if p.name not in known and p.stat().st_mtime < old)
    partial = [p for p in _inside(files / storage.DENSE) if "." in p.name]
    # A download or an upload that was cut off leaves the folder it was in.
    partial += [p for name in ("data", "uploads") for p in _inside(store.home / name) if p.is_dir()]
    yield from (p for p in [*partial, *_told(store)] if p.stat().st_mtime < old)


def _told(store: Store) -> Iterator[Path]:
    """Journals of attempts that are over: all they hold was told, or will never be asked for."""
    for path in _inside(store.home / "journal"):
        key, _, attempt = path.stem.rpartition(".")
        going = [(r.key, str(r.attempt)) for r in store.rows([key]) if r.state == "running"]
        if (key, attempt) not in going:
            yield path


def _superfluous(store: Store, days: float, megabytes: float) -> Iterator[Path]:
    wanted = {r.dense_key for r in store.runs(10**6, state=["queued", "running"])}
    models = [p for p in _inside(store.home / "files" / storage.DENSE) if "." not in p.name]
    left = sum(map(_size, models))
    for path in sorted(models, key=_used):
        late = time.time() - _used(path) > days * 24 * _HOUR
        if path.name not in wanted and (late or left > megabytes * 2**20):
            left -= _size(path)
            yield path


def _used(path: Path) -> float:
    """When a model was last written or, where the disk notes that, read."""
    # Of a folder itself, looking is a use.
    times = [p.stat() for p in path.rglob("*") if p.is_file()] or [path.stat()]
    return max(max(t.st_mtime, t.st_atime) for t in times)


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())


def _packages() -> tuple[State, str]:
    found = {name: _version(name) for name in (*NEEDED, *OPTIONAL)}
    missing = [name for name in NEEDED if not found[name]]
    if missing:
        return "problem", f"{', '.join(missing)} not installed; pip install -r requirements.txt"
    return "ok", ", ".join(f"{name} {version}" for name, version in found.items() if version)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _settings() -> tuple[State, str]:
    engine.settings()
    told = limits.limits()._asdict()
    return "ok", ", ".join(f"{name} {value:g}" for name, value in told.items())


def _home(home: Path) -> tuple[State, str]:
    try:
        probe = home / f".doctor.{os.getpid()}"
        probe.write_bytes(b"here")
        probe.unlink()
        free = shutil.disk_usage(home).free / 2**20
    except OSError as error:
        return "problem", f"{home} cannot be written ({error}); set PRUNELAB_HOME to one of yours"
    few = free < limits.limits().free
    return "problem" if few else "ok", f"{home}, {free:,.0f} MB free"


def _store(home: Path, url: str | None) -> tuple[State, str]:
    store = Store(url, home)
    try:
        shown = make_url(store.url).render_as_string()  # without the password
        said = f"{shown}, {store.count():,} runs, {store.count(state='queued'):,} waiting"
        held = store.paused()
        store.pause(held)  # so that something was written
    finally:
        store.close()
    return ("note", f"{said}, the queue is paused") if held else ("ok", said)


def _files() -> tuple[State, str]:
    if not storage.url():
        return "ok", "in the home folder"
    storage.reach()
    return "ok", "the place that PRUNELAB_FILES names works"


def _engine(home: Path) -> tuple[State, str]:
    now = engine.status(home)
    if not now.alive:
        return "note", "not running; it starts with the next run"
    if now.problem:
        return "problem", now.problem
    return ("ok" if now.workers else "note"), f"process {now.pid}, {now.workers} workers"


def _scheduler() -> tuple[State, str]:
    address = os.environ.get("PRUNELAB_SCHEDULER")
    if not address:
        return "ok", "local, part of the engine"
    place = urlsplit(address)
    try:
        socket.create_connection((place.hostname or "", place.port or 0), timeout=3).close()
    except (OSError, ValueError) as error:
        return "problem", f"{address} does not answer ({error}); start it, or unset the variable"
    return "ok", f"{address} answers"


def _gpu() -> tuple[State, str]:
    count = sum(path.name[6:].isdigit() for path in Path("/dev").glob("nvidia*"))
    return ("ok", f"{count}") if count else ("note", "none; runs use the CPU")


def _browser() -> tuple[State, str]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return ("ok", found) if found else ("note", "none found; only the browser tests need one here")
