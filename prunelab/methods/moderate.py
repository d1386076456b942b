"""Moderate coresets: neither the typical nor the odd examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from scipy.stats import rankdata

from prunelab.masks import Scores
from prunelab.rating.difficulty import by_class, embedding, untied
from prunelab.registry import method


@method(
    unit="examples",
    paper="Xia et al. 2023, ICLR",
    label="− distance from the median",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def moderate(
    model: Any,
    data: Any,
    *,
    seed: int,
    centre: Annotated[Literal["mean", "median"], "of a class, feature by feature"] = "mean",
    band: Annotated[bool, "the middle by rank (the authors' code), not by distance"] = False,
) -> Scores:
    """Keep the examples whose distance to the centre of their class is nearest to the median.

    d is the distance of the features the last layer receives to their class's centre; kept are the
    smallest |d − median(d)|, the median over all classes (the paper). The authors' code keeps the
    middle band of ranks and takes medians as centres: ``band`` and ``centre``.
    """
    h, y = embedding(model, data), data.train.y
    distance = np.empty(len(y))
    middle = np.median if centre == "median" else np.mean
    for number in np.unique(y):
        rows = y == number
        distance[rows] = np.linalg.norm(h[rows] - middle(h[rows], axis=0), axis=1)
    distance = untied(distance, seed)
    if band:
        distance = rankdata(distance) / len(distance)
    return by_class(-np.abs(distance - np.median(distance)), data)
