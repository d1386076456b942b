"""What the rules share: which splits pay for themselves, and how all of them are ranked.

Every rule says what a node costs as a leaf and what keeping its split costs. One score serves both
questions: **the splits with a positive score are the tree that the rule itself would leave**, and
the order of the scores is weakest-link pruning on the rule's own cost, so that any other size is
the cheapest of its family and the rule's own size is the rule's own tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.trees.structure import Bools, Numbers, levels, splits, survivors
from prunelab.trees.weakest import weakest_links

FAINT = float(np.nextafter(0.0, 1.0))  # the least score that still says "keep"


def up(tree: Any, values: Any) -> Any:
    """Per-node values added up from the leaves: each node's own and all below it; in place."""
    for ids, left, right in reversed(list(levels(tree))):
        values[ids] += values[left] + values[right]
    return values


def at_leaves(tree: Any, values: Numbers) -> Numbers:
    """For each node, the sum of ``values`` over the leaves below it."""
    summed = np.where(tree.children_left < 0, values, 0.0)
    return up(tree, summed)  # type: ignore[no-any-return]


def leaf_counts(tree: Any) -> Numbers:
    """How many leaves are below each node; a leaf counts itself."""
    return at_leaves(tree, np.ones(tree.node_count))


def narrow(tree: Any, values: Numbers) -> Numbers:
    """Per split, the lowest of its own value and those above it: what stops early stays stopped."""
    lowest = np.full(tree.node_count, np.inf)
    lowest[splits(tree)] = values
    for ids, left, right in levels(tree):
        lowest[left] = np.minimum(lowest[left], lowest[ids])
        lowest[right] = np.minimum(lowest[right], lowest[ids])
    return lowest[splits(tree)]


def settle(
    tree: Any,
    leaf: Numbers,
    split: Numbers | None = None,
    *,
    tolerance: float = 0.0,
    first: Bools | None = None,
) -> Bools:
    """Which splits are cheaper than a leaf in their place, from the bottom up; ties prune.

    ``leaf`` and ``split`` have one entry per node. ``first`` (per node) are splits that may stay;
    the others are leaves before the rule begins.
    """
    cost = leaf.astype(np.float64, copy=True)
    stays = np.zeros(tree.node_count, dtype=bool)
    for ids, left, right in reversed(list(levels(tree))):
        below = cost[left] + cost[right] + (0.0 if split is None else split[ids])
        stays[ids] = leaf[ids] > below + tolerance
        if first is not None:
            stays[ids] &= first[ids]
        cost[ids] = np.where(stays[ids], below, leaf[ids])
    return stays


def ranked(tree: Any, stays: Bools, leaf: Numbers, split: Numbers | None = None) -> Numbers:
    """The score of each split: positive for the rule's own tree, ordered by the rule's own cost.

    ``stays`` (per node) are the splits that the rule would keep; what is above decides as well.
    """
    inner = splits(tree)
    kept = survivors(tree, stays[inner])[1][inner]
    links = weakest_links(tree, leaf, split)
    return np.where(kept, np.maximum(links, FAINT), np.minimum(links, 0.0))
