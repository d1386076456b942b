"""A circle inside a circle."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from prunelab.parts import Table
from prunelab.registry import Range, dataset


@dataset(
    traits={"table"},
    title="Circles",
    licence="public domain (computed)",
    source="scikit-learn make_circles",
    epochs=60,
)
def circles(
    *,
    rows: Annotated[int, Range(100, 20_000, 100), "number of points"] = 1000,
    noise: Annotated[float, Range(0, 1, 0.05), "deviation added to each point"] = 0.1,
) -> Table:
    """Points on two circles, one inside the other."""
    from sklearn.datasets import make_circles

    x, y = make_circles(rows, noise=noise, factor=0.5, random_state=0)
    return Table(
        x=x.astype(np.float32),
        y=y.astype(np.int64),
        classes=("outer", "inner"),
        features=("x1", "x2"),
    )
