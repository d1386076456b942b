"""An axis, and what nothing beats along two of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from prunelab.events import Result


class Axis(NamedTuple):
    """One way to say what a pruned model costs or can."""

    title: str
    value: Callable[[Result], float]
    log: bool = False
    more: bool = False  # more of it is better


def front(rows: Sequence[tuple[float, float]], *, x: Axis, y: Axis) -> list[int]:
    """Which points nothing beats: none is as good in both and better in one, by place in x.

    >>> front([(1, 1), (2, 2), (3, 1)], x=Axis("", float), y=Axis("", float, more=True))
    [0, 1]
    """
    cost = [-a if x.more else a for a, _ in rows]
    loss = [-b if y.more else b for _, b in rows]
    best, kept = float("inf"), []
    for place in sorted(range(len(rows)), key=lambda i: (cost[i], loss[i])):
        if cost[place] == cost[place] and loss[place] < best:
            best = loss[place]
            kept.append(place)
    return kept
