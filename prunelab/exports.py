"""Exports ordered from another process, since writing ONNX needs torch: begun once, found again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

import prunelab
from prunelab import imports
from prunelab.space import Space

FOLDER = "exports"
_started: dict[Path, subprocess.Popen[bytes]] = {}  # kept so that none is a zombie


class State(NamedTuple):
    """How far an export is, and why it came to nothing."""

    name: Literal["none", "going", "ready", "failed"]
    reason: str = ""


class Wish(NamedTuple):
    """What an export should be: one file or a folder, with ONNX, with the fastest form found."""

    zipped: bool
    onnx: bool
    fastest: bool = False

    @property
    def flags(self) -> list[str]:
        """As the command line has it."""
        form = ["--form", "fastest"] if self.fastest else []
        return form if self.onnx else [*form, "--no-onnx"]


def place(space: Space, key: str, wish: Wish) -> Path:
    """Where the export of a run is or will be; a run that is made anew has another."""
    row = space.row(key)
    name = f"{space.stored(key)}-{row.place}"
    name += ("-fastest" if wish.fastest else "") + ("" if wish.onnx else "-no-onnx")
    return space.home / FOLDER / (f"{name}.zip" if wish.zipped else name)


def start(space: Space, key: str, wish: Wish) -> Path:
    """Begin to write an export unless it is there or on its way; returns at once with its place."""
    to = place(space, key, wish)
    if look(to).name in ("going", "ready"):
        return to
    to.parent.mkdir(exist_ok=True)
    # Not a new session: Linux groups those for scheduling, and `nice` would mean nothing.
    group: dict[str, Any] = {} if sys.platform == "win32" else {"process_group": 0}
    with _log(to).open("wb") as log:
        _started[to] = subprocess.Popen(
            [sys.executable, "-m", "prunelab", "export", space.stored(key), str(to), *wish.flags],
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


def fastest(to: Path) -> dict[str, Any] | None:
    """The form that won in a written export, with all times; None if none was looked for."""
    if to.is_dir():
        text = (to / imports.LIST).read_text(encoding="utf-8")
    else:
        with zipfile.ZipFile(to) as zipped:
            text = zipped.read(imports.LIST).decode()
    found: dict[str, Any] | None = json.loads(text).get("fastest")
    return found


def forget(home: Path, key: str) -> None:
    """Remove the exports of a stored run that is deleted."""
    for path in (home / FOLDER).glob(f"{key}-[0-9]*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _environment(space: Space) -> dict[str, str]:
    told = {"PRUNELAB_HOME": str(space.home), "PRUNELAB_STORE": space.store.url}
    return os.environ | told | {"OMP_NUM_THREADS": "1"}


def _log(to: Path) -> Path:
    return to.with_name(f"{to.name}.log")
