"""Condensed nearest neighbours: the rows from which 1-NN still knows all the others."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.masks import Scores
from prunelab.rating.difficulty import by_class
from prunelab.registry import Note, method


@method(
    unit="examples",
    paper="Hart 1968",
    label="place in the store",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def condensed_nn(model: Any, data: Any, *, seed: int) -> Scores:
    """Keep the rows that a nearest-neighbour rule needs to get all rows right.

    The store begins with a row of each class. Passes over the data in random order add every row
    that its nearest stored row gets wrong, until a pass adds none: then the store is right on all.
    Rows of the store stay first, early ones before late ones, then those nearest to the border. A
    warning says how large the store is: at that sparsity it is exactly what stays.
    When it goes wrong: every wrong label is stored.
    """
    x = data.train.x.reshape(len(data.train.x), -1).astype(np.float64)
    store = condense(x, data.train.y, seed)
    share = 1 - len(store) / len(x)
    warnings.warn(
        f"{len(store):,} of {len(x):,} rows are needed; sparsity {share:.4f} keeps just those.",
        Note,
        stacklevel=2,
    )
    score = -_border(x, data.train.y)
    score[store] = 2.0 - np.arange(len(store)) / len(store)
    return by_class(score, data)


def condense(x: NDArray[np.float64], y: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """Rows of a store whose nearest neighbour is right about every row, in the order they joined.

    Equal rows with different labels cannot all be right; the one that is stored first decides.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(x))
    store = [int(order[np.argmax(y[order] == label)]) for label in np.unique(y)]
    near, answer = np.full(len(x), np.inf), np.full(len(x), -1)
    for row in store:
        _join(x, y, row, near, answer)
    grown = True
    while grown:
        grown = False
        for row in order:
            if answer[row] != y[row] and near[row] > 0:
                store.append(int(row))
                _join(x, y, row, near, answer)
                grown = True
    return np.array(store)


def _join(x: Any, y: Any, row: int, near: Any, answer: Any) -> None:
    """Bring the distance to the store, and what it answers, up to date with one more row."""
    distance = ((x - x[row]) ** 2).sum(1)
    closer = distance < near
    near[closer], answer[closer] = distance[closer], y[row]


def _border(x: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance to the nearest row of another class, as a share of the largest, 0..1."""
    from sklearn.neighbors import NearestNeighbors

    distance = np.zeros(len(x))
    for label in np.unique(y):
        mine = y == label
        distance[mine] = NearestNeighbors(n_neighbors=1).fit(x[~mine]).kneighbors(x[mine])[0][:, 0]
    share: NDArray[np.float64] = distance / max(distance.max(), 1e-12)
    return share
