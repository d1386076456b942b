"""Herding: examples whose mean is that of their class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prunelab.masks import Scores
from prunelab.rating.difficulty import embedding
from prunelab.registry import method


@method(
    unit="examples",
    paper="Welling 2009; Chen et al. 2010, arXiv:1203.3472",
    scope="uniform",
    label="− place in the order",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def herding(model: Any, data: Any, *, sparsity: float) -> Scores:
    """Keep, class by class, examples that together have the mean of their class.

    Greedy on the features h the last layer receives: the next example is the one that brings the
    mean of those chosen nearest to the mean of all, argmin ‖(t + 1) μ − Σ chosen − h‖; none twice.
    A widely used code takes the farthest (argmax) by mistake and so reports that herding loses.
    """
    features = embedding(model, data)
    return {
        name: torch.from_numpy(_places(features[data.train.y == number], sparsity))
        for number, name in enumerate(data.classes)
    }


def _places(h: NDArray[np.float64], sparsity: float) -> NDArray[np.float64]:
    """− place / n; those beyond what any rounding keeps follow by their distance to the mean."""
    n = len(h)
    order = herd(h, min(n, int(np.ceil((1 - sparsity) * n)) + 1))
    rest = np.setdiff1d(np.arange(n), order)
    far = np.linalg.norm(h[rest] - h.mean(0), axis=1) if n else np.empty(0)
    order = np.concatenate([order, rest[np.argsort(far, kind="stable")]]).astype(int)
    score = np.empty(n)
    score[order] = -np.arange(n) / max(1, n)
    return score


def herd(h: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The first ``count`` rows of the herding order of features (rows, d)."""
    mean, lengths = h.mean(0) if len(h) else h.sum(0), (h**2).sum(1)
    chosen = np.empty(count, dtype=np.int64)
    free, total = np.zeros(len(h)), np.zeros(h.shape[1])
    for t in range(count):
        chosen[t] = np.argmin(lengths - 2 * h @ ((t + 1) * mean - total) + free)
        free[chosen[t]] = np.inf
        total += h[chosen[t]]
    return chosen
