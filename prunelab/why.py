"""Why a unit stays or goes: its score, its rank, the line, and which other methods keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Why(NamedTuple):
    """What decided over one unit among those it was ranked with."""

    score: float | None  # None where no single score decided
    rank: int  # 1 is the highest; of equals the first
    of: int
    kept: bool
    lowest_kept: float | None
    highest_gone: float | None
    also_kept: tuple[str, ...]  # other methods that keep this unit
    also_gone: tuple[str, ...]

    @property
    def by_rank(self) -> bool:
        """Whether the ranking alone decided: whatever stays has at least the score of what goes."""
        sides = self.lowest_kept, self.highest_gone
        return None in sides or sides[0] >= sides[1]  # type: ignore[operator]


def explain(
    scores: ArrayLike, kept: ArrayLike, place: int, others: Mapping[str, bool] | None = None
) -> Why:
    """What decided over the unit at a place of flat scores; ``others``: whether a method keeps it.

    >>> explain([3.0, 1.0, 2.0], [True, False, False], 2, {"random": True})[:6]
    (2.0, 2, 3, False, 3.0, 2.0)

    Raises:
        ValueError: there is no such place.
    """
    values, stays = np.ravel(np.asarray(scores, float)), np.ravel(np.asarray(kept, bool))
    if not 0 <= place < len(values):
        raise ValueError(f"There is no unit {place}; they are counted from 0 to {len(values) - 1}.")
    score = values[place]
    ahead = int((values > score).sum() + (values[:place] == score).sum())
    keep = dict(others or {})
    return Why(
        float(score), ahead + 1, len(values), bool(stays[place]),
        float(values[stays].min()) if stays.any() else None,
        float(values[~stays].max()) if not stays.all() else None,
        tuple(n for n, k in keep.items() if k), tuple(n for n, k in keep.items() if not k),
    )  # fmt: skip
