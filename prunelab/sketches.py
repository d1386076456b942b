"""A classroom's sketches: seven whole numbers each, in a room that everybody with its code sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prunelab import classroom
from prunelab.prediction import STOPS
from prunelab.spec import SpecError


def put(
    code: str, question: str, author: str, sketch: Sequence[int], home: Path | None = None
) -> None:
    """Put a sketch into a room, unless its author has one there: nobody mends it after the truth.

    Raises:
        SpecError: no sketch, or as ``classroom.put``.
    """
    if not is_sketch(sketch):
        raise SpecError(f"A sketch must be {len(STOPS)} whole numbers from 0 to 100.")
    classroom.put(code, question, author, sketch, home)


def sketches(code: str, question: str, home: Path | None = None) -> list[list[int]]:
    """The sketches of a room; what is no sketch is left out.

    Raises:
        SpecError: no code of a room.
    """
    found = classroom.notes(code, question, home)
    return [[*one] for one in found if isinstance(one, list) and is_sketch(one)]


def is_sketch(told: object) -> bool:
    """Whether something is seven whole numbers from 0 to 100, and nothing else."""
    return (
        isinstance(told, list | tuple)
        and len(told) == len(STOPS)
        and all(type(value) is int and 0 <= value <= 100 for value in told)
    )
