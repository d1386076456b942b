"""Two interleaved half circles in the plane."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from prunelab.parts import Table
from prunelab.registry import Range, dataset


@dataset(
    traits={"table"},
    title="Moons",
    licence="public domain (computed)",
    source="scikit-learn make_moons",
    epochs=60,
)
def moons(
    *,
    rows: Annotated[int, Range(100, 20_000, 100), "number of points"] = 1000,
    noise: Annotated[float, Range(0, 1, 0.05), "deviation added to each point"] = 0.25,
) -> Table:
    """Points on two interleaved half circles."""
    from sklearn.datasets import make_moons

    x, y = make_moons(rows, noise=noise, random_state=0)
    return Table(
        x=x.astype(np.float32),
        y=y.astype(np.int64),
        classes=("upper", "lower"),
        features=("x1", "x2"),
    )
