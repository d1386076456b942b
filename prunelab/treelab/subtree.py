"""One subtree, however it came about: its answers, its scores, what a click would change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prunelab.treelab.grown import Bools, Grown, Ints, Numbers


class Seen(NamedTuple):
    """A subtree of the dense tree. ``answer`` is the leaf that answers for each dense node."""

    there: Bools
    leaf: Bools
    answer: Ints
    leaves: int
    depth: int
    train: float
    validation: float
    confusion: NDArray[np.int64]  # validation rows: true class by answer

    @property
    def nodes(self) -> int:
        """How many nodes are left."""
        return 2 * self.leaves - 1


class Gains(NamedTuple):
    """What each split is worth, against a leaf in its place; 0 where there is nothing to win."""

    leaves: Numbers  # more than one
    train: Numbers  # training errors it saves
    validation: Numbers  # validation errors it saves
    alpha: Numbers  # weighted impurity it saves per leaf


def seen(tree: Grown, splitting: Bools) -> Seen:
    """The subtree in which only those nodes split that are reached and marked."""
    there, leaf, answer = _spread(tree, splitting)
    ids = np.flatnonzero(leaf)
    table = counted(tree, tree.validation, ids)
    wrong = tree.wrong[0][ids].sum()
    return Seen(
        there=there,
        leaf=leaf,
        answer=answer,
        leaves=len(ids),
        depth=int(tree.depth[ids].max()),
        train=float(1 - wrong / tree.train[0].sum()),
        validation=float(np.trace(table) / max(1, table.sum())),
        confusion=table,
    )


def counted(tree: Grown, counts: Ints, leaves: NDArray[np.intp]) -> NDArray[np.int64]:
    """Rows by true class and answer, from the class counts at the leaves of a subtree."""
    table = np.zeros((counts.shape[1], counts.shape[1]), np.int64)
    np.add.at(table.T, tree.label[leaves], counts[leaves])
    return table


def toggle(tree: Grown, splitting: Bools, node: int) -> Bools:
    """Cut a split, bring a cut one back with two leaves, or grow down to a node that is away.

    Raises:
        ValueError: no such node, or a leaf of the dense tree that is there already.
    """
    if not 0 <= node < len(tree.left):
        raise ValueError(f"The tree has nodes 0 to {len(tree.left) - 1}, got {node}.")
    there, leaf, _ = _spread(tree, splitting)
    changed = splitting & there
    if there[node] and not leaf[node]:
        changed[node] = False
        return changed & _spread(tree, changed)[0]
    if there[node]:
        if not tree.inner[node]:
            raise ValueError(f"Node {node} is a leaf of the full tree; nothing grows below it.")
        changed[node] = True
        return changed
    above = int(tree.parent[node])
    while above >= 0:
        changed[above] = True
        above = int(tree.parent[above])
    return changed


def gains(tree: Grown, splitting: Bools) -> Gains:
    """Of each split that is there, all that it carries; of each that was cut, its own split."""
    there, leaf, _ = _spread(tree, splitting)
    costs = [np.where(leaf, w, 0.0) for w in tree.wrong]
    size = leaf.astype(float)
    for ids, left, right in reversed(tree.levels):
        alive = there[ids] & ~leaf[ids]
        for sums in (*costs, size):
            sums[ids[alive]] = sums[left[alive]] + sums[right[alive]]
    gone = tree.inner & (leaf | ~there)
    for sums, own in zip(costs, tree.wrong, strict=True):
        sums[gone] = own[tree.left[gone]] + own[tree.right[gone]]
    size[gone] = 2.0
    worth = tree.inner
    saved = [np.where(worth, own - sums, 0.0) for sums, own in zip(costs, tree.wrong, strict=True)]
    more = np.where(worth, size - 1, 0.0)
    return Gains(more, saved[0], saved[1], saved[2] / np.maximum(more, 1.0))


def _spread(tree: Grown, splitting: Bools) -> tuple[Bools, Bools, Ints]:
    """Which nodes are there, which of them are leaves, and who answers for each dense node."""
    there = np.zeros(len(tree.left), bool)
    there[0] = True
    answer = np.arange(len(tree.left), dtype=np.int32)
    for ids, left, right in tree.levels:
        goes = there[ids] & splitting[ids]
        there[left] = there[right] = goes
        stuck = ids[~goes]
        answer[tree.left[stuck]] = answer[tree.right[stuck]] = answer[stuck]
    return there, there & ~(splitting & tree.inner), answer
