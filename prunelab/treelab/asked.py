"""Why a split of a tree stays or goes: its threshold among all, and what every rule says of it."""

from __future__ import annotations

import numpy as np

from prunelab.treelab.grown import Grown
from prunelab.treelab.steps import at_leaves, kept, optimal, steps
from prunelab.why import Why, explain

BEST = "best of each size"  # no rule: the subtree of fewest training errors


def why(tree: Grown, rule: str, leaves: int, node: int, *, stays: bool) -> Why:
    """What a rule ranks a split by, and which other ways to so many leaves keep it.

    The score of a split is the threshold at which the rule cuts it. ``stays`` is what became of it,
    which a cut by hand can have changed.

    Raises:
        ValueError: no such node, or one that is a leaf of the full tree.
    """
    if not (0 <= node < len(tree.left) and tree.inner[node]):
        raise ValueError(f"Node {node} asks nothing, so there is nothing to cut.")
    keeps = {name: kept(tree, name, at_leaves(steps(tree, name), leaves)) for name in tree.paths}
    keeps[BEST] = optimal(tree, min(max(1, leaves), tree.leaves))
    others = {name: bool(mask[node]) for name, mask in keeps.items() if name != rule}
    if rule not in tree.paths:
        sides = (tuple(n for n, k in others.items() if k is side) for side in (True, False))
        return Why(None, 0, 0, stays, None, None, *sides)
    path, inner = tree.paths[rule], np.flatnonzero(tree.inner)
    step = np.minimum(np.minimum(path.birth, path.death), len(path.alphas) - 1)
    place = int(np.searchsorted(inner, node))
    found = explain(path.alphas[step[inner]], keeps[rule][inner], place, others)
    return found._replace(kept=stays)
