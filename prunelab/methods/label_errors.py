"""Confident learning: the labels that models which never saw them do not believe."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prunelab.masks import Scores, removed
from prunelab.parts import Part
from prunelab.rating.difficulty import by_class, untied
from prunelab.rating.watching import Watched, chances
from prunelab.registry import Note, Range, method


@method(
    unit="examples",
    paper="Northcutt et al. 2021, arXiv:1911.00068",
    watch="folds",
    label="belief in its label",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def label_errors(
    model: Any,
    data: Any,
    *,
    watched: list[Watched],
    seed: int,
    sparsity: float,
    folds: Annotated[int, Range(2, 10), "parts; each is judged by a model of the others"] = 5,
    share: Annotated[float, Range(0.05, 1, 0.05), "share of a training for each fold"] = 1.0,
) -> Scores:
    """Remove the examples whose label is probably wrong.

    Every row gets probabilities from a model that did not train on it. t_k is the mean probability
    of class k over the rows labelled k. A row with p_k ≥ t_k for another class than its label (the
    likeliest such class), and whose likeliest class is another too, is an issue. Issues go first,
    those with the lowest p of their own label before the others; then all rows by that p.
    A warning says how many issues there are beside how many rows the sparsity removes.
    """
    p = np.empty((len(data.train.y), len(data.classes)))
    for w in watched:
        part = Part(data.train.x[w.held], data.train.y[w.held])
        p[w.held] = chances(w.model, part, len(data.classes))
    issues = confident_issues(p, data.train.y)
    own = p[np.arange(len(p)), data.train.y]
    gone = removed(sparsity, len(p))
    warnings.warn(
        f"{issues.sum():,} of {len(p):,} labels look wrong; this sparsity removes {gone:,} rows.",
        Note,
        stacklevel=2,
    )
    return by_class(untied(own, seed) - 2.0 * issues, data)


def confident_issues(p: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Off the diagonal of the confident joint, and not believed: bool (rows,)."""
    classes = p.shape[1]
    threshold = np.array(
        [p[y == k, k].mean() if (y == k).any() else np.inf for k in range(classes)]
    )
    sure = p >= threshold - 1e-6
    likely = np.where(sure, p, -1.0).argmax(1)
    found: NDArray[np.bool_] = sure.any(1) & (likely != y) & (p.argmax(1) != y)
    return found
