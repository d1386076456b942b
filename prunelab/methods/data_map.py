"""Data maps: how sure a network is of an example, and how much that varies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from scipy.special import softmax

from prunelab.masks import Scores
from prunelab.rating.difficulty import by_class, untied
from prunelab.rating.watching import Watched
from prunelab.registry import Range, method


@method(
    unit="examples",
    paper="Swayamdipta et al. 2020, arXiv:2009.10795",
    label="data map",
    watch="runs",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp",),
    needs={"network"},
)
def data_map(
    net: Any,
    data: Any,
    *,
    watched: list[Watched],
    seed: int,
    keep: Annotated[
        Literal["ambiguous", "hard", "easy"], "vary most, never sure, or always sure"
    ] = "ambiguous",
    runs: Annotated[int, Range(1, 10), "trainings to average over"] = 1,
    share: Annotated[float, Range(0.05, 1, 0.05), "share of a training to watch"] = 1.0,
) -> Scores:
    """Keep the examples a network wavers about.

    Over the epochs of a training, confidence is the mean probability of an example's own class,
    variability its standard deviation. Ambiguous examples vary most, hard ones have the lowest
    confidence, easy ones the highest. With wrong labels about, ambiguous is the safe choice: a
    wrong label is hard, not ambiguous.
    """
    rows, y = np.arange(len(data.train.y)), data.train.y
    own = np.stack([softmax(w.logits.astype(float), axis=2)[:, rows, y] for w in watched])
    confidence, variability = own.mean((0, 1)), own.std(1).mean(0)
    score = {"ambiguous": variability, "hard": -confidence, "easy": confidence}[keep]
    return by_class(untied(score, seed), data)
