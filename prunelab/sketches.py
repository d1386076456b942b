"""A classroom's sketches: seven whole numbers each, in a room that everybody with its code sees."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from prunelab.files import home as default_home
from prunelab.prediction import STOPS
from prunelab.spec import SpecError

ROOMS = 200  # at once
EACH = 300  # sketches in one
DAYS = 30  # a room is kept after its last sketch
_CODE = re.compile(r"[a-z0-9]{4,12}")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another when it is dictated


def new_code() -> str:
    """A code for a room, short enough to be said aloud."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def is_code(text: str) -> bool:
    """Whether a text can be the code of a room.

    >>> is_code("k7mpa"), is_code("../etc"), is_code("Room")
    (True, False, False)
    """
    return _CODE.fullmatch(text) is not None


def put(
    code: str, question: str, author: str, sketch: Sequence[int], home: Path | None = None
) -> None:
    """Put a sketch into a room, unless its author has one there: nobody mends it after the truth.

    Raises:
        SpecError: no code of a room, no sketch, or too many of either.
    """
    folder = _folder(code, question, home)
    if not is_sketch(sketch):
        raise SpecError(f"A sketch must be {len(STOPS)} whole numbers from 0 to 100.")
    name = hashlib.sha256(f"{code} {question} {author}".encode()).hexdigest()[:24]
    path = folder / f"{name}.json"
    if path.exists():
        return
    _make(folder)
    if len(list(folder.glob("*.json"))) >= EACH:
        raise SpecError(f"Room {code} is full: it has {EACH} sketches.")
    partial = folder / f"{name}.{os.getpid()}"
    partial.write_text(json.dumps([*sketch]), encoding="utf-8")
    partial.replace(path)
    os.utime(folder)


def sketches(code: str, question: str, home: Path | None = None) -> list[list[int]]:
    """The sketches of a room; what is damaged is left out.

    Raises:
        SpecError: no code of a room.
    """
    found = []
    for path in sorted(_folder(code, question, home).glob("*.json"))[:EACH]:
        with contextlib.suppress(OSError, ValueError):
            sketch = json.loads(path.read_text(encoding="utf-8"))
            if is_sketch(sketch):
                found.append(sketch)
    return found


def is_sketch(told: object) -> bool:
    """Whether something is seven whole numbers from 0 to 100, and nothing else."""
    return (
        isinstance(told, list | tuple)
        and len(told) == len(STOPS)
        and all(type(value) is int and 0 <= value <= 100 for value in told)
    )


def _folder(code: str, question: str, home: Path | None) -> Path:
    if not is_code(code):
        raise SpecError("The code of a room must be 4 to 12 small letters and digits.")
    asked = hashlib.sha256(question.encode()).hexdigest()[:8]
    return (home or default_home()) / "rooms" / f"{code}-{asked}"


def _make(folder: Path) -> None:
    """A room, and an end to those that nobody has used for long."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    rooms = list(folder.parent.iterdir())
    old = [room for room in rooms if time.time() - room.stat().st_mtime > DAYS * 86_400]
    for room in old:
        shutil.rmtree(room, ignore_errors=True)
    if len(rooms) - len(old) >= ROOMS:
        raise SpecError(f"There are {ROOMS} rooms already; use one of them, or try another day.")
    folder.mkdir(exist_ok=True)
