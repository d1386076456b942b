"""Exports ordered from another process, since writing ONNX needs torch: begun once, found again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

import prunelab
from prunelab.space import Space

FOLDER = "exports"
_started: dict[Path, subprocess.Popen[bytes]] = {}  # kept so that none is a zombie


class State(NamedTuple):
    """How far an export is, and why it came to nothing."""

    name: Literal["none", "going", "ready", "failed"]
    reason: str = ""


def place(space: Space, key: str, *, zipped: bool, onnx: bool) -> Path:
    """Where the export of a run is or will be; a run that is made anew has another."""
    row = space.row(key)
    name = f"{space.stored(key)}-{row.place}{'' if onnx else '-no-onnx'}"
    return space.home / FOLDER / (f"{name}.zip" if zipped else name)


def start(space: Space, key: str, *, zipped: bool, onnx: bool) -> Path:
    """Begin to write an export unless it is there or on its way; returns at once with its place."""
    to = place(space, key, zipped=zipped, onnx=onnx)
    if look(to).name in ("going", "ready"):
        return to
    to.parent.mkdir(exist_ok=True)
    flags = [] if onnx else ["--no-onnx"]
    # Not a new session: Linux groups those for scheduling, and `nice` would mean nothing.
    group: dict[str, Any] = {} if sys.platform == "win32" else {"process_group": 0}
    with _log(to).open("wb") as log:
        _started[to] = subprocess.Popen(
            [sys.executable, "-m", "prunelab", "export", space.stored(key), str(to), *flags],
            cwd=Path(prunelab.__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=_environment(space),
            **group,
        )
    return to


def look(to: Path) -> State:
    """How far the export of a place is."""
    process = _started.get(to)
    if process is not None and process.poll() is None:
        return State("going")
    if to.exists():
        return State("ready")
    if process is None:
        return State("none")
    said = _log(to).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    reason = said[-1].removeprefix("prunelab: ") if said else f"It ended with {process.returncode}."
    return State("failed", reason)


def forget(home: Path, key: str) -> None:
    """Remove the exports of a stored run that is deleted."""
    for path in (home / FOLDER).glob(f"{key}-[0-9]*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _environment(space: Space) -> dict[str, str]:
    told = {"PRUNELAB_HOME": str(space.home), "PRUNELAB_STORE": space.store.url}
    return os.environ | told | {"OMP_NUM_THREADS": "1"}


def _log(to: Path) -> Path:
    return to.with_name(f"{to.name}.log")
