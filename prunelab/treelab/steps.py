"""The subtrees a slider passes: along a rule's path, or the best of each size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prunelab.treelab.grown import Bools, CrossValidated, Grown, Numbers


class Steps(NamedTuple):
    """One entry a subtree, from the full tree to its root: threshold, size, shares right."""

    alphas: Numbers
    leaves: NDArray[np.int64]
    train: Numbers
    validation: Numbers


def steps(tree: Grown, rule: str) -> Steps:
    """The path of a rule with its scores, in one pass over the nodes."""
    path = tree.paths[rule]
    size = len(path.alphas) + 1
    train, held, _ = tree.wrong

    def swept(values: Numbers) -> Numbers:
        born, gone = (np.bincount(at, values, size) for at in (path.birth, path.death))
        return np.asarray(np.cumsum(born - gone)[:-1])

    rows, seen = tree.train[0].sum(), tree.validation[0].sum()
    leaves = np.rint(swept(np.ones(len(train)))).astype(np.int64)
    return Steps(path.alphas, leaves, 1 - swept(train) / rows, 1 - swept(held) / seen)


def at_leaves(found: Steps, leaves: int) -> int:
    """The largest subtree of the path with at most so many leaves."""
    return int(np.searchsorted(-found.leaves, -max(1, leaves)))


def best(found: Steps) -> int:
    """The subtree of highest validation score; of equals the smallest."""
    return len(found.validation) - 1 - int(np.argmax(found.validation[::-1]))


def one_se(tree: Grown, found: Steps) -> int:
    """The smallest subtree within one standard error of the best validation score."""
    top = float(found.validation.max())
    spread = float(np.sqrt(top * (1 - top) / tree.validation[0].sum()))
    return int(np.flatnonzero(found.validation >= top - spread)[-1])


def one_se_cv(found: CrossValidated) -> tuple[float, float]:
    """The α of the best mean over the folds, and the largest within one standard error of it."""
    mean = found.scores.mean(0)
    top = int(np.argmax(mean))
    spread = found.scores[:, top].std(ddof=1) / np.sqrt(len(found.scores))
    enough = np.flatnonzero(mean >= mean[top] - spread)[-1]
    return float(found.alphas[top]), float(found.alphas[enough])


def at_alpha(found: Steps, alpha: float) -> int:
    """Which subtree of a path a threshold gives; exactly the first leaves the tree whole."""
    if alpha <= found.alphas[0]:
        return 0
    return int(np.searchsorted(found.alphas, alpha, side="right")) - 1


def kept(tree: Grown, rule: str, step: int) -> Bools:
    """Which nodes still split in a subtree of a rule's path."""
    path = tree.paths[rule]
    return np.asarray((path.death > step) & (path.birth > step))


def optimal(tree: Grown, leaves: int) -> Bools:
    """Which nodes split in the subtree of fewest training errors with exactly so many leaves.

    Raises:
        ValueError: a size the tree cannot have.
    """
    if not 1 <= leaves <= tree.leaves:
        raise ValueError(f"leaves must be from 1 to {tree.leaves}, got {leaves}.")
    splitting = np.zeros(len(tree.left), bool)
    waiting = [(0, leaves)]
    while waiting:
        node, share = waiting.pop()
        if share > 1:
            splitting[node] = True
            left = int(tree.shares[tree.share_start[node] + share - 2])
            waiting += [(int(tree.left[node]), left), (int(tree.right[node]), share - left)]
    return splitting
