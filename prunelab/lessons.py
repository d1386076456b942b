"""Eight lessons of five minutes: their text, and which of them a browser has finished."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from prunelab import classroom
from prunelab.files import home as default_home
from prunelab.spec import SpecError

FILE = Path(__file__).parent / "examples" / "files" / "lessons.toml"
TOPIC = "lessons"  # of the notes of a room


@dataclass(frozen=True)
class Step:
    """Something to do; where ``page`` is named, on that page with that query."""

    text: str
    page: str = ""
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """One idea, what to do to see it, and a question that doing it answers."""

    name: str
    title: str
    idea: str
    teacher: str
    question: str
    options: tuple[str, ...]
    answer: int
    why: str
    steps: tuple[Step, ...]


@functools.cache
def lessons() -> dict[str, Lesson]:
    """Every lesson by name, in order."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))["lesson"]
    return {one["name"]: _lesson(one) for one in told}


def _lesson(told: dict[str, Any]) -> Lesson:
    rest = {key: value for key, value in told.items() if key not in ("step", "options")}
    steps = tuple(Step(**step) for step in told["step"])
    return Lesson(**rest, options=tuple(told["options"]), steps=steps)


def done(owner: str, home: Path | None = None) -> set[str]:
    """The lessons that somebody has finished; a damaged note is none."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return set(json.loads(_note(owner, home).read_text(encoding="utf-8"))) & set(lessons())
    return set()


def finish(owner: str, name: str, home: Path | None = None) -> None:
    """Note that somebody has finished a lesson.

    Raises:
        SpecError: no such lesson, or the note cannot be written.
    """
    if name not in lessons():
        raise SpecError(f"There is no lesson {name!r}; there are: {', '.join(lessons())}.")
    path = _note(owner, home)
    text = json.dumps(sorted(done(owner, home) | {name}))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise SpecError(f"Progress cannot be written in {path.parent} ({error}).") from error


def share(code: str, owner: str, home: Path | None = None) -> None:
    """Tell a room which lessons somebody has finished, as numbers from 0.

    Raises:
        SpecError: as ``classroom.put``.
    """
    finished = done(owner, home)
    numbers = [n for n, name in enumerate(lessons()) if name in finished]
    classroom.put(code, TOPIC, owner, numbers, home, anew=True)


def progress(code: str, home: Path | None = None) -> tuple[int, dict[str, int]]:
    """How many are in a room, and how many of them have finished each lesson.

    Raises:
        SpecError: no code of a room.
    """
    told = [set(note) for note in classroom.notes(code, TOPIC, home) if _is_list(note)]
    return len(told), {name: sum(n in one for one in told) for n, name in enumerate(lessons())}


def _is_list(note: object) -> TypeGuard[list[int]]:
    return isinstance(note, list) and all(type(n) is int for n in note)


def _note(owner: str, home: Path | None) -> Path:
    name = hashlib.sha256(owner.encode()).hexdigest()[:24]
    return (home or default_home()) / "lessons" / f"{name}.json"
