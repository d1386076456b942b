"""Breast cancer: thirty measurements of cell nuclei."""

from __future__ import annotations

import numpy as np

from prunelab.parts import Table
from prunelab.registry import dataset


@dataset(
    traits={"table"},
    title="Breast cancer",
    licence="CC BY 4.0",
    source="W. Wolberg et al., UCI Breast Cancer Wisconsin (Diagnostic)",
    epochs=30,
)
def breast_cancer() -> Table:
    """569 tumours, malignant or benign, by 30 measurements of their cell nuclei."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    return Table(
        x=found.data.astype(np.float32),
        y=found.target.astype(np.int64),
        classes=tuple(map(str, found.target_names)),
        features=tuple(map(str, found.feature_names)),
    )
