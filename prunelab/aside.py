"""Work that another process does: started once, found again by its folder, its progress told."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar
from zipfile import BadZipFile

import numpy as np

from prunelab import processes
from prunelab.files import home as default_home
from prunelab.spec import SpecError
from prunelab.speech import mark

LOCK, PROGRESS, LOG = "growth.lock", "progress.json", "growth.log"
NICE = 10  # the app must stay quick meanwhile
PATIENCE = 3600.0  # seconds to wait for what was ordered before

_started: dict[Path, subprocess.Popen[bytes]] = {}  # kept so that none is a zombie
Tell = Callable[..., None]
Answer = TypeVar("Answer")


class State(NamedTuple):
    """How far the work is: not ordered, growing, ready to be looked at, or impossible."""

    name: Literal["none", "growing", "ready", "failed"]
    doing: str = ""
    share: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()


def place(
    kind: str, ordered: Mapping[str, Any], home: Path | None = None, shipped: Path | None = None
) -> Path:
    """Where the answer to an order is or will be: orders that differ have other folders.

    One in the folder ``shipped`` came with PruneLab and stays there.
    """
    text = json.dumps(ordered, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    if shipped and (shipped / name).exists():
        return shipped / name
    return (home or default_home()) / kind / name


def order(folder: Path, module: str, words: Sequence[str], home: Path | None, noun: str) -> Path:
    """``begin``, for whoever asked a question: what cannot be written is said of ``noun``.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    try:
        begin(folder, module, words, home)
    except OSError as error:
        raise SpecError(f"The {noun} cannot be written in {folder} ({error}).") from error
    return folder


def answer(path: Path, made: Callable[[Any], Answer], noun: str) -> Answer | None:
    """What ``made`` makes of a JSON file; None while it is not there.

    Raises:
        SpecError: it is damaged, or ``made`` does not find in it what it looks for.
    """
    if not path.exists():
        return None
    try:
        return made(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"The {noun} in {path.parent.name} is damaged ({error}).") from error


def arrays(path: Path, made: Callable[[Any, dict[str, Any]], Answer], noun: str) -> Answer | None:
    """``answer`` of a file that ``keep_arrays`` wrote: ``made`` gets the plain data, the arrays.

    Raises:
        SpecError: as ``answer``.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        return made(json.loads(str(held.pop("about"))), held)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise SpecError(f"The {noun} in {path.parent.name} is damaged ({error}).") from error


def keep_arrays(path: Path, about: Any, held: Mapping[str, Any]) -> None:
    """Write arrays with plain data about them; a reader never sees half of it."""
    partial = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(partial, allow_pickle=False, about=np.array(json.dumps(about)), **held)
    partial.replace(path)


def begin(folder: Path, module: str, words: Sequence[str], home: Path | None = None) -> None:
    """Run ``python -m module WORDS FOLDER`` unless it runs or its work is done; returns at once.

    Raises:
        OSError: the process cannot start or the folder cannot be written.
    """
    if look(folder).name in ("growing", "ready"):
        return
    command = [sys.executable, "-m", module, *words, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if home:
        environment["PRUNELAB_HOME"] = str(home)
    # Not a new session: Linux groups those for scheduling, and `nice` would mean nothing.
    group: dict[str, Any] = {} if sys.platform == "win32" else {"process_group": 0}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PROGRESS).unlink(missing_ok=True)
    with (folder / LOG).open("wb") as log:
        _started[folder] = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            **group,
        )


def work(folder: Path, doing: str, do: Callable[[Tell], Iterable[str] | None]) -> int:
    """Do what ``begin`` ordered, in the process it started, and say how far it is.

    One piece of work of a kind at a time: those of the same parent folder wait for one another.
    ``do`` gets ``tell(doing, share)`` and may return notes for the reader; what it refuses with a
    SpecError is told.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mine = processes.lock(folder / LOCK)
    if mine is None or look(folder).name == "ready":
        return 0  # somebody else does, or has done, the same

    def tell(doing: str, share: float, **more: Any) -> None:
        about = {"state": "growing", "doing": doing, "share": share, "by": processes.identity()}
        write(folder, {**about, **more})

    tell("Waiting for another", 0.0)
    turn = processes.lock(folder.parent / "turn.lock", patience=PATIENCE)
    tell(doing, 0.02)
    try:
        notes = tuple(do(tell) or ())
    except SpecError as refused:
        tell("", 0.0, state="failed", reason=str(refused))
        return 1
    except MemoryError:
        tell("", 0.0, state="failed", reason="There is not enough memory for this.")
        return 1
    tell("", 1.0, state="ready", notes=notes)
    for held in (turn, mine):
        if held:
            held.close()
    return 0


def respond(path: Path, doing: str, compute: Callable[[Tell], Any]) -> int:
    """``work`` that leaves what ``compute`` returns as a JSON file, for ``answer``."""
    return work(path.parent, doing, lambda tell: keep(path, compute(tell)))


def calm() -> None:
    """Let everything else go first."""
    with contextlib.suppress(AttributeError, OSError):  # Windows has no nice
        os.nice(NICE)


def look(folder: Path) -> State:
    """How far the work of a folder is."""
    told, process = _told(folder), _started.get(folder)
    runs = process is not None and process.poll() is None
    if told.get("state") in ("ready", "failed"):
        return _state(told)
    if _held(folder) or runs:
        return _state({"doing": mark("Starting"), **told, "state": "growing"})
    if told or process:
        told = _told(folder)  # it may have ended between the two looks
        if told.get("state") in ("ready", "failed"):
            return _state(told)
        return State("failed", reason=f"It ended before it was ready. {_last(folder)}")
    return State("none")


def stop(folder: Path) -> None:
    """End the process, and forget how far it was."""
    who = str(_told(folder).get("by", ""))
    if who and not processes.gone(who):
        processes.kill(int(who.split(":")[1]))
    if process := _started.pop(folder, None):
        process.kill()
        process.wait()
    (folder / PROGRESS).unlink(missing_ok=True)


def write(folder: Path, told: Mapping[str, Any]) -> None:
    """Say how far it is."""
    keep(folder / PROGRESS, told)


def keep(path: Path, told: Any) -> None:
    """Write a JSON file; a reader never sees half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.replace(path)


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
