"""Iris: the four measurements everybody knows."""

from __future__ import annotations

import numpy as np

from prunelab.parts import Table
from prunelab.registry import dataset


@dataset(
    traits={"table"},
    title="Iris",
    licence="CC BY 4.0",
    source="R. A. Fisher 1936, UCI Iris",
    epochs=60,
)
def iris() -> Table:
    """150 irises of three species by the length and width of sepals and petals."""
    from sklearn.datasets import load_iris

    found = load_iris()
    return Table(
        x=found.data.astype(np.float32),
        y=found.target.astype(np.int64),
        classes=tuple(map(str, found.target_names)),
        features=tuple(map(str, found.feature_names)),
    )
