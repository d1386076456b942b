"""The margin of each example, averaged over its presentations."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prunelab.rating.watching import Watched

Scale = Literal["logits", "probabilities"]


def margins(
    watched: list[Watched], y: NDArray[np.int64], of: Scale = "logits"
) -> NDArray[np.float64]:
    """Mean over trainings and epochs of z_y − max z_k over the other classes; float64 (rows,)."""
    rows = np.arange(len(y))
    found = []
    for logits in (w.logits.astype(np.float64) for w in watched):
        z = _softmax(logits) if of == "probabilities" else logits
        own = z[:, rows, y]
        others = z.copy()
        others[:, rows, y] = -np.inf
        found.append((own - others.max(2)).mean(0))
    mean: NDArray[np.float64] = np.mean(found, axis=0)
    return mean


def _softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(z - z.max(2, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(2, keepdims=True)
    return shares
