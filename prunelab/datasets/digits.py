"""Handwritten digits, eight by eight: small enough to train in a second."""

from __future__ import annotations

import numpy as np

from prunelab.parts import Table
from prunelab.registry import dataset


@dataset(
    traits={"images"},
    title="Digits",
    licence="CC BY 4.0",
    source="E. Alpaydin, C. Kaynak, UCI Optical Recognition of Handwritten Digits",
    epochs=30,
)
def digits() -> Table:
    """1,797 handwritten digits, 8 × 8 pixels in 17 shades."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x = (found.images[:, None] / 16).astype(np.float32)
    return Table(x=x, y=found.target.astype(np.int64), classes=tuple("0123456789"))
