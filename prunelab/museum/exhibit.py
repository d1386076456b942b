"""What an exhibit is: a mistake as running code, what it prints, and what is true."""

from __future__ import annotations

import difflib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Shown:
    """Numbers of an exhibit: what the tool prints against ``x``, and what is true there."""

    x: list[float]
    printed: list[float]
    true: list[float]
    at: int  # the point of which the page speaks


@dataclass(frozen=True)
class Exhibit:
    """A mistake, the question a visitor is asked, and the code.

    ``question`` has four answers of which ``answer`` is right. ``says`` and ``is_true`` tell what
    the tool prints and what is true with ``{x}``, ``{printed}`` and ``{true}`` put in.
    """

    title: str
    scene: str
    says: str
    is_true: str
    options: tuple[str, str, str, str]
    answer: int
    why: str
    instead: str  # what to do in PruneLab
    axes: tuple[str, str]
    unit: str  # of y: "%" of a share, or "" of a count
    broken: Callable[..., Any]
    mended: Callable[..., Any]
    show: Callable[[], Shown]
    link: str = ""  # a page that shows it done right, with its query

    def told(self) -> dict[str, Any]:
        """Everything as plain data; runs it."""
        code, fix = source(self.broken), source(self.mended)
        fields = {k: v for k, v in vars(self).items() if not callable(v)}
        return {
            **fields,
            "options": list(self.options),
            "axes": list(self.axes),
            "code": code,
            "fix": fix,
            "culprit": differ(code, fix),
            "cure": differ(fix, code),
            "shown": asdict(self.show()),
        }


def source(function: Callable[..., Any]) -> list[str]:
    """The lines of a function without its docstring and its notes to checkers.

    >>> source(differ)[0]
    'def differ(one: list[str], other: list[str]) -> list[int]:'
    """
    lines = textwrap.dedent(inspect.getsource(function)).rstrip().splitlines()
    return [line.split("  # noqa")[0] for line in lines if not line.strip().startswith('"""')]


def differ(one: list[str], other: list[str]) -> list[int]:
    """Which lines of ``one`` are not in ``other``; names of the functions do not count.

    Where something is missing, that is the line before it.

    >>> differ(["def a():", "x = 1", "y = 2"], ["def b():", "x = 1", "y = 3"])
    [2]
    >>> differ(["def a():", "x = 1"], ["def b():", "x = 1", "y = 3"])
    [1]
    """
    blocks = difflib.SequenceMatcher(None, one[1:], other[1:], autojunk=False).get_opcodes()
    changed = {
        i for kind, a, b, _, _ in blocks if kind in ("replace", "delete") for i in range(a, b)
    }
    missing = {a - 1 for kind, a, _, _, _ in blocks if kind == "insert"}
    return [i + 1 for i in sorted(changed or missing)]
