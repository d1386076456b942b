"""Every method on one tiny model, cell by cell: from the worked examples (``cards.worked``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelab.why import Why, explain

Worked = Mapping[str, Mapping[str, Any]]
Steps = list[Mapping[str, Any]]


def steps(worked: Worked, method: str) -> Steps:
    """The steps of a method; none where it has no tiny model."""
    return list(worked.get(method, {}).get("steps", ()))


def drawn(worked: Worked) -> list[str]:
    """The methods whose worked example has a layer to look into."""
    return [name for name in worked if _choice(worked, name) is not None]


def walked(worked: Worked) -> list[str]:
    """The methods that can be followed step by step; those with a layer to look into come first."""
    first = drawn(worked)
    return [*first, *(n for n in worked if n not in first and steps(worked, n))]


def like(worked: Worked, method: str) -> list[str]:
    """Methods that chose among the same cells: the same tiny model, a choice of the same shape."""
    mine = _choice(worked, method)
    if mine is None:
        return []
    subject = worked[method]["subject"]
    return [
        name
        for name in drawn(worked)
        if worked[name]["subject"] == subject and _shape(worked, name) == _shape(worked, method)
    ]


def why(worked: Worked, method: str, row: int, column: int) -> Why:
    """What decided over a cell.

    Raises:
        ValueError: the method has no layer to look into, or no such cell.
    """
    choice = _choice(worked, method)
    if choice is None:
        raise ValueError(f"The worked example of {method} has no layer to look into.")
    values, kept = choice["values"], choice["kept"]
    if not (0 <= row < len(values) and 0 <= column < len(values[0])):
        raise ValueError(f"The layer has no row {row + 1}, column {column + 1}.")
    others = [name for name in like(worked, method) if name != method]
    keep = {name: bool(_choice(worked, name)["kept"][row][column]) for name in others}  # type: ignore[index]
    return explain(values, kept, row * len(values[0]) + column, keep)


def within(worked: Worked, method: str, row: int, column: int) -> tuple[int, int]:
    """The cell that was chosen when this one was: of a filter's weights the filter.

    Where the layer has no such row, its last one.
    """
    high, wide = _shape(worked, method)
    return min(row, high - 1), min(column, wide - 1)


def agreement(worked: Worked, methods: list[str]) -> list[list[float]]:
    """Jaccard index of what two methods keep, for each pair: 1 is the same, 0 nothing in common."""
    sets = [_cells(worked, name) for name in methods]
    return [[len(a & b) / (len(a | b) or 1) for b in sets] for a in sets]


def _cells(worked: Worked, method: str) -> set[tuple[int, int]]:
    choice = _choice(worked, method)
    kept = choice["kept"] if choice else []
    return {(i, j) for i, line in enumerate(kept) for j, stays in enumerate(line) if stays}


def _choice(worked: Worked, method: str) -> Mapping[str, Any] | None:
    """The matrix of the step that selects."""
    return next((s for s in steps(worked, method) if s["kind"] == "matrix" and "kept" in s), None)


def _shape(worked: Worked, method: str) -> tuple[int, int]:
    kept = (_choice(worked, method) or {"kept": [[]]})["kept"]
    return len(kept), len(kept[0])
