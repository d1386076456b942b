"""EL2N: the length of the error of an example, early in training."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from prunelab.masks import Scores
from prunelab.rating.difficulty import Side, keep_side
from prunelab.rating.watching import Watched, chances
from prunelab.registry import Range, method


@method(
    unit="examples",
    paper="Paul et al. 2021, arXiv:2107.07075",
    label="EL2N",
    watch="runs",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp",),
    needs={"network"},
)
def el2n(  # noqa: PLR0913 - each is a knob
    net: Any,
    data: Any,
    *,
    watched: list[Watched],
    seed: int,
    keep: Annotated[Side, "which examples stay"] = "hardest",
    skip: Annotated[float, Range(0, 0.5, 0.05), "share of the hardest to leave out"] = 0.0,
    runs: Annotated[int, Range(1, 10), "trainings to average over"] = 5,
    share: Annotated[float, Range(0.02, 1, 0.02), "share of a training to watch"] = 0.1,
) -> Scores:
    """Keep the examples that a network gets most wrong early in training.

    The score of a row is ‖p − 1_y‖₂, from 0 to √2: p are the probabilities after a tenth of the
    training (epoch 1 at least), 1_y is 1 at its class; the mean over trainings from other first
    values. Rows are scored without augmentation, in evaluation mode.
    When it goes wrong: with few examples kept (below about 10 %) the hardest are noise and rare
    cases, and random is far better; wrong labels are the hardest of all.
    Deviations: 5 trainings where the paper takes 10.
    """
    truth = np.eye(len(data.classes))[data.train.y]
    scores = [
        np.linalg.norm(chances(w.model, data.train, len(data.classes)) - truth, axis=1)
        for w in watched
    ]
    return keep_side(np.mean(scores, axis=0), keep, skip, data, seed)
