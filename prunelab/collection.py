"""The museum's exhibits as plain data: as they came out when PruneLab was made, and run here."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunelab import aside
from prunelab.files import home as default_home
from prunelab.spec import SpecError

SHIPPED = Path(__file__).parent / "examples" / "files" / "museum.json"
FILE = "exhibit.json"
Told = Mapping[str, Any]


@functools.cache
def exhibits() -> dict[str, Told]:
    """Every exhibit by name, in the order of the museum; ``benchmarks/make_museum.py`` made them.

    Each has its texts; ``code`` and ``fix`` as lines, with those that differ (``culprit`` and
    ``cure``); and ``shown``: ``x``, what was ``printed`` and what is ``true`` there, and ``at``,
    the point told of.
    """
    found: dict[str, Told] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return found


def place(name: str, home: Path | None = None) -> Path:
    """Where an exhibit run on this machine is or will be."""
    return (home or default_home()) / "museum" / name


def start(name: str, home: Path | None = None) -> Path:
    """Run an exhibit in another process, unless it goes on or is done.

    Raises:
        SpecError: no such exhibit, the process cannot start, or the folder cannot be written.
    """
    if name not in exhibits():
        raise SpecError(f"The museum has no exhibit {name!r}.")
    return aside.order(place(name, home), "prunelab.museum", [name], home, "exhibit")


def read(folder: Path) -> Told | None:
    """An exhibit that was run here; None while it was not.

    Raises:
        SpecError: the file is damaged.
    """

    def made(told: Told) -> Told:
        _ = told["shown"]["printed"], told["shown"]["true"]
        return told

    return aside.answer(folder / FILE, made, "exhibit")


def said(told: Told) -> tuple[str, str]:
    """What the tool says, and what is true, in a sentence each."""
    shown, at = told["shown"], told["shown"]["at"]
    words = {
        "x": _x(told, shown["x"][at]),
        "printed": number(shown["printed"][at], told["unit"]),
        "true": number(shown["true"][at], told["unit"]),
    }
    return told["says"].format(**words), told["is_true"].format(**words)


def number(value: float, unit: str) -> str:
    """A number of an exhibit in words.

    >>> number(0.25389, "%"), number(-0.005, "points"), number(446976.0, "")
    ('25.4\\xa0%', '−0.5 points', '446,976')
    """
    if unit == "%":
        return f"{100 * value:.1f}\u00a0%"
    if unit == "points":
        return f"{100 * value:+.1f} points".replace("-", "−")
    return f"{value:,.0f}"


def _x(told: Told, value: float) -> str:
    """The point on the axis: shares are between 0 and 1, everything else is counted."""
    shares = max(told["shown"]["x"]) <= 1
    return f"{100 * value:.3g}\u00a0%" if shares else f"{value:,.0f}"
