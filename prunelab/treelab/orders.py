"""Trees ordered from another process: started once, found again by key, their progress told."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from prunelab import processes
from prunelab.files import home as default_home
from prunelab.spec import RunSpec, SpecError

FORMAT = 1  # of the arrays; another number grows the trees anew
LOCK, PROGRESS, LOG = "growth.lock", "progress.json", "growth.log"
SHIPPED = Path(__file__).parents[1] / "examples" / "trees"

_started: dict[Path, subprocess.Popen[bytes]] = {}  # kept so that none is a zombie


class State(NamedTuple):
    """How far a tree is: not ordered, growing, ready to be looked at, or impossible."""

    name: Literal["none", "growing", "ready", "failed"]
    doing: str = ""
    share: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()


def place(spec: RunSpec, home: Path | None = None) -> Path:
    """Where the arrays of a spec's tree are or will be; one tree for each data, shape and seed."""
    name = f"{spec.data}-{spec.dense_key}-{FORMAT}"
    shipped = SHIPPED / name
    return shipped if shipped.exists() else (home or default_home()) / "trees" / name


def start(spec: RunSpec, home: Path | None = None) -> Path:
    """Begin to grow a tree unless it grows or is there; returns at once with its place.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(spec, home)
    if look(folder).name in ("growing", "ready"):
        return folder
    command = [sys.executable, "-m", "prunelab.trees", json.dumps(spec.to_json()), str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if home:
        environment["PRUNELAB_HOME"] = str(home)
    # Not a new session: Linux groups those for scheduling, and `nice` would mean nothing.
    group: dict[str, Any] = {} if sys.platform == "win32" else {"process_group": 0}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PROGRESS).unlink(missing_ok=True)
        with (folder / LOG).open("wb") as log:
            _started[folder] = subprocess.Popen(
                command,
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                **group,
            )
    except OSError as error:
        raise SpecError(f"The tree cannot be grown in {folder} ({error}).") from error
    return folder


def look(folder: Path) -> State:
    """How far the tree of a place is."""
    told, process = _told(folder), _started.get(folder)
    runs = process is not None and process.poll() is None
    if told.get("state") in ("ready", "failed"):
        return _state(told)
    if _held(folder) or runs:
        return _state({"doing": "Starting", **told, "state": "growing"})
    if told or process:
        told = _told(folder)  # it may have ended between the two looks
        if told.get("state") in ("ready", "failed"):
            return _state(told)
        return State(
            "failed", reason=f"It ended before the tree was ready. {_last(folder)}".strip()
        )
    return State("none")


def stop(folder: Path) -> None:
    """End the process that grows a tree."""
    who = str(_told(folder).get("by", ""))
    if who and not processes.gone(who):
        processes.kill(int(who.split(":")[1]))
    if process := _started.pop(folder, None):
        process.kill()
        process.wait()
    (folder / PROGRESS).unlink(missing_ok=True)


def write(folder: Path, told: Mapping[str, Any]) -> None:
    """Say how far it is; a reader never sees half of it."""
    partial = folder / f"{PROGRESS}.{os.getpid()}"
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.replace(folder / PROGRESS)


def _state(told: Mapping[str, Any]) -> State:
    fields = {name: told[name] for name in ("doing", "share", "reason") if name in told}
    return State(told["state"], **fields, notes=tuple(told.get("notes", ())))


def _told(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        told: dict[str, Any] = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        return told
    return {}


def _held(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return False
    free = processes.lock(folder / LOCK, shared=True)
    if free:
        free.close()
    return free is None


def _last(folder: Path) -> str:
    """The last line of what the process wrote, if it wrote any."""
    with contextlib.suppress(OSError):
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""
    return ""
