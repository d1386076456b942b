"""A noisy table, where a fully grown tree learns the noise by heart."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from prunelab.parts import Table
from prunelab.registry import Range, dataset


@dataset(
    traits={"table"},
    title="Noisy table",
    licence="public domain (computed)",
    source="scikit-learn make_classification",
    epochs=20,
)
def noisy_table(
    *,
    rows: Annotated[int, Range(500, 50_000, 500), "number of examples"] = 5000,
    noise: Annotated[float, Range(0, 0.9, 0.05), "share of labels drawn at random"] = 0.2,
) -> Table:
    """Seven classes in twenty features, with a share of the labels drawn at random."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        rows,
        n_features=20,
        n_informative=10,
        n_redundant=4,
        n_classes=7,
        class_sep=1.5,
        flip_y=noise,
        random_state=0,
    )
    return Table(
        x=x.astype(np.float32),
        y=y.astype(np.int64),
        classes=tuple(f"type {i}" for i in range(1, 8)),
        features=tuple(f"x{i}" for i in range(1, 21)),
    )
