"""k-centre greedy: examples such that none is far from one that stays."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from prunelab.masks import Scores
from prunelab.rating.difficulty import by_class, embedding
from prunelab.registry import method


@method(
    unit="examples",
    paper="Sener & Savarese 2018, arXiv:1708.00489",
    label="− place in the order",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def k_center(
    model: Any,
    data: Any,
    *,
    sparsity: float,
    per_class: Annotated[bool, "choose in each class by itself"] = True,
) -> Scores:
    """Keep examples so that every other one has a kept one near it.

    Farthest first on the features the last layer receives: begin nearest to the mean, then always
    take the example farthest from all taken. The largest distance left is at most twice the best
    possible. Only the distance to the nearest taken is held, so memory grows with the rows alone.
    When it goes wrong: the farthest examples are outliers, and wrong labels are outliers of their
    class.
    """
    h, y = embedding(model, data), data.train.y
    groups = [np.flatnonzero(y == c) for c in range(len(data.classes))] if per_class else None
    score = np.empty(len(y))
    for rows in groups or [np.arange(len(y))]:
        keep = min(len(rows), int(np.ceil((1 - sparsity) * len(rows))) + 1)
        order, near = farthest_first(h[rows], keep)
        rest = np.setdiff1d(np.arange(len(rows)), order)
        order = np.concatenate([order, rest[np.argsort(-near[rest], kind="stable")]])
        score[rows[order]] = -np.arange(len(rows)) / max(1, len(rows))
    return by_class(score, data)


def farthest_first(
    h: NDArray[np.floating[Any]], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The first ``count`` rows of the order, and each row's distance to the nearest of them."""
    x = torch.from_numpy(np.ascontiguousarray(h))
    lengths = x.square().sum(1)
    chosen = torch.empty(count, dtype=torch.int64)
    near = torch.full((len(x),), torch.inf, dtype=x.dtype)
    first = (x - x.mean(0)).square().sum(1).argmin()
    for t in range(count):
        chosen[t] = near.argmax() if t else first
        squared = torch.addmv(lengths, x, x[chosen[t]], alpha=-2).add_(lengths[chosen[t]])
        torch.minimum(near, squared.clamp_(min=0), out=near)
        near[chosen[t]] = -1  # never again, however many are equal
    return chosen.numpy(), near.clamp(min=0).sqrt().double().numpy()
