"""Edited nearest neighbours: without the rows their neighbours contradict."""

from __future__ import annotations

import warnings
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from prunelab.masks import Scores
from prunelab.rating.difficulty import by_class, untied
from prunelab.registry import Note, Range, method


@method(
    unit="examples",
    paper="Wilson 1972",
    label="neighbours that agree",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def edited_nn(
    model: Any,
    data: Any,
    *,
    seed: int,
    neighbours: Annotated[int, Range(1, 50), "nearest other rows to ask"] = 3,
    kind: Annotated[
        Literal["all", "mode"], "a row stays if all, or most, of them have its class"
    ] = "all",
) -> Scores:
    """Remove the rows that their nearest neighbours contradict.

    A row whose 3 nearest other rows are not all (kind="mode": not mostly) of its class goes first,
    the most contradicted before the others; then rows at random. A warning says how many are
    contradicted: at that sparsity the rule of the paper is exactly what goes.
    """
    x = data.train.x.reshape(len(data.train.x), -1)
    if neighbours >= len(x):
        raise ValueError(f"neighbours must be below the {len(x)} rows, got {neighbours}.")
    agree = agreeing(x, data.train.y, neighbours)
    out = agree < 1 if kind == "all" else ~_mostly(x, data.train.y, neighbours)
    warnings.warn(
        f"{out.sum():,} of {len(x):,} rows are contradicted; sparsity {out.mean():.4f} removes "
        f"just those.",
        Note,
        stacklevel=2,
    )
    return by_class(untied(agree, seed) - 2.0 * out, data)


def agreeing(
    x: NDArray[np.float32], y: NDArray[np.int64], neighbours: int = 3
) -> NDArray[np.float64]:
    """Share of each row's nearest other rows that have its class, 0..1."""
    found: NDArray[np.float64] = (y[_nearest(x, neighbours)] == y[:, None]).mean(1)
    return found


def _mostly(x: NDArray[np.float32], y: NDArray[np.int64], neighbours: int) -> NDArray[np.bool_]:
    """Whether the commonest class among the neighbours, the lowest of equals, is a row's own."""
    classes = y[_nearest(x, neighbours)]
    votes = np.stack([(classes == c).sum(1) for c in range(int(y.max()) + 1)], axis=1)
    found: NDArray[np.bool_] = votes.argmax(1) == y
    return found


def _nearest(x: NDArray[np.float32], neighbours: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    found: NDArray[np.int64] = (
        NearestNeighbors(n_neighbors=neighbours).fit(x).kneighbors(return_distance=False)
    )
    return found
