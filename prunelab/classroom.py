"""Rooms of a class: a short note from each on a topic; whoever has the code sees them all."""

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
from prunelab.spec import SpecError

ROOMS = 200  # at once
EACH = 300  # notes in one
DAYS = 30  # a room is kept after its last note
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
    code: str,
    topic: str,
    author: str,
    note: Sequence[int],
    home: Path | None = None,
    *,
    anew: bool = False,
) -> None:
    """Put whole numbers into a room, unless their author has a note there; ``anew`` replaces it.

    Raises:
        SpecError: no code of a room, or too many rooms or notes.
    """
    folder = _folder(code, topic, home)
    name = hashlib.sha256(f"{code} {topic} {author}".encode()).hexdigest()[:24]
    path = folder / f"{name}.json"
    if path.exists() and not anew:
        return
    _make(folder)
    if not path.exists() and len(list(folder.glob("*.json"))) >= EACH:
        raise SpecError(f"Room {code} is full: it has {EACH} notes.")
    partial = folder / f"{name}.{os.getpid()}"
    partial.write_text(json.dumps([*note]), encoding="utf-8")
    partial.replace(path)
    os.utime(folder)


def notes(code: str, topic: str, home: Path | None = None) -> list[object]:
    """The notes of a room, whatever they hold; what is damaged is left out.

    Raises:
        SpecError: no code of a room.
    """
    found = []
    for path in sorted(_folder(code, topic, home).glob("*.json"))[:EACH]:
        with contextlib.suppress(OSError, ValueError):
            found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def _folder(code: str, topic: str, home: Path | None) -> Path:
    if not is_code(code):
        raise SpecError("The code of a room must be 4 to 12 small letters and digits.")
    about = hashlib.sha256(topic.encode()).hexdigest()[:8]
    return (home or default_home()) / "rooms" / f"{code}-{about}"


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
