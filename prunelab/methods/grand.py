"""GraNd: the length of the gradient that an example gives."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from prunelab.masks import Scores
from prunelab.rating.difficulty import Side, keep_side
from prunelab.rating.gradient_norms import gradient_norms
from prunelab.rating.watching import Watched
from prunelab.registry import Range, method


@method(
    unit="examples",
    paper="Paul et al. 2021, arXiv:2107.07075",
    label="GraNd",
    watch="runs",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp",),
    needs={"network"},
)
def grand(  # noqa: PLR0913 - each is a knob
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
    """Keep the examples that move the weights most early in training.

    The score of a row is ‖∇_w loss‖₂ over all parameters after a tenth of the training, the mean
    over trainings from other first values. For a network of linear layers it has a closed form,
    Σ ‖δ‖²(‖a‖² + 1) with δ the gradient at a layer's output and a its input: one pass for all rows.
    Never at epoch 0: the published scores at initialisation do not reproduce, they follow the
    length of the input (Kirsch 2023, arXiv:2303.14753).
    """
    scores = [gradient_norms(w.model, data.train) for w in watched]
    return keep_side(np.mean(scores, axis=0), keep, skip, data, seed)
