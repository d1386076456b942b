"""Wine: thirteen chemical measurements."""

from __future__ import annotations

import numpy as np

from prunelab.parts import Table
from prunelab.registry import dataset


@dataset(
    traits={"table"},
    title="Wine",
    licence="CC BY 4.0",
    source="S. Aeberhard, M. Forina, UCI Wine",
    epochs=60,
)
def wine() -> Table:
    """178 Italian wines of three growers by 13 chemical measurements."""
    from sklearn.datasets import load_wine

    found = load_wine()
    return Table(
        x=found.data.astype(np.float32),
        y=found.target.astype(np.int64),
        classes=("grower 1", "grower 2", "grower 3"),
        features=tuple(map(str, found.feature_names)),
    )
