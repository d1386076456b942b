"""The best subtree of every size at once (Bohanec and Bratko 1994)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.trees.counts import errors
from prunelab.trees.rebuild import cut
from prunelab.trees.structure import LEAF, Bools, Numbers, single, splits

MOST = 50_000  # leaves; the tables grow with the sizes of all branches together


class OptimalSubtrees:
    """For each number of leaves, the subtree of least cost: every size of a slider exists.

    ``costs[k - 1]`` is the least total cost with k leaves. The cost of a node as a leaf defaults to
    its training errors (for a regressor, its weighted impurity). Subtrees of different size need
    not be nested.

    Raises:
        NotFittedError, TypeError: not one fitted tree.
        ValueError: more than 50,000 leaves, or costs that are not one per node.
    """

    def __init__(self, tree: Any, cost: Numbers | None = None) -> None:
        self.dense = single(tree)
        if len(splits(tree.tree_)) >= MOST:
            raise ValueError(
                f"The tree must have at most {MOST} leaves, got {len(splits(tree.tree_)) + 1}; "
                f"prune it by cost-complexity first."
            )
        cost = _costs(tree) if cost is None else np.asarray(cost, np.float64)
        if cost.shape != (tree.tree_.node_count,):
            raise ValueError(f"cost must be one number per node, got shape {cost.shape}.")
        if not np.isfinite(cost).all():
            raise ValueError("cost must be finite in every node.")
        self._left: dict[int, NDArray[np.int32]] = {}
        self.costs: Numbers = self._tables(cost)

    @property
    def leaves(self) -> int:
        """How many leaves the full tree has."""
        return len(self.costs)

    def shares(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Where each node's shares begin, and how many of 2, 3... leaves go to its left child.

        ``prunelab.treelab`` finds every size from it without scikit-learn.
        """
        sizes = [len(self._left.get(i, ())) for i in range(self.dense.tree_.node_count)]
        start: NDArray[np.int64] = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
        parts = [self._left[i] for i in sorted(self._left)]
        return start, np.concatenate(parts) if parts else np.zeros(0, np.int32)

    def tree(self, leaves: int) -> Any:
        """The best subtree of exactly so many leaves."""
        return cut(self.dense, self.kept(leaves))

    def kept(self, leaves: int) -> Bools:
        """Which splits it keeps, in the order of ``splits``.

        Raises:
            ValueError: a size the tree cannot have.
        """
        if not 1 <= leaves <= self.leaves:
            raise ValueError(f"leaves must be from 1 to {self.leaves}, got {leaves}.")
        tree = self.dense.tree_
        keep = np.zeros(tree.node_count, dtype=bool)
        open_nodes = [(0, leaves)]
        while open_nodes:
            node, share = open_nodes.pop()
            if share > 1:
                keep[node] = True
                left = int(self._left[node][share - 2])
                open_nodes += [
                    (int(tree.children_left[node]), left),
                    (int(tree.children_right[node]), share - left),
                ]
        return keep[splits(tree)]

    def _tables(self, cost: Numbers) -> Numbers:
        """Least cost by number of leaves, for each node from the bottom up; ids fall with depth."""
        tree = self.dense.tree_
        found: dict[int, Numbers] = {}
        for node in range(tree.node_count - 1, -1, -1):
            own = cost[node : node + 1]
            left, right = int(tree.children_left[node]), int(tree.children_right[node])
            if left == LEAF:
                found[node] = own
                continue
            below, self._left[node] = _joined(found.pop(left), found.pop(right))
            found[node] = np.concatenate((own, below))
        return found[0]


def _joined(left: Numbers, right: Numbers) -> tuple[Numbers, NDArray[np.int32]]:
    """Least sum for 2, 3... leaves, and how many of them are on the left."""
    swap = len(left) > len(right)
    small, large = (right, left) if swap else (left, right)
    size = len(left) + len(right)
    least = np.full(size - 1, np.inf)
    share = np.zeros(size - 1, dtype=np.int32)
    for i, cost in enumerate(small):
        here = slice(i, i + len(large))
        total = cost + large
        better = total < least[here]
        least[here][better] = total[better]
        share[here][better] = i + 1
    return least, np.arange(2, size + 1, dtype=np.int32) - share if swap else share


def _costs(tree: Any) -> Numbers:
    if hasattr(tree, "classes_"):
        return errors(tree)
    return np.asarray(tree.tree_.weighted_n_node_samples * tree.tree_.impurity)
