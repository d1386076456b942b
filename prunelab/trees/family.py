"""A nested family of subtrees, and sums over the leaves of every one of them in a single pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from prunelab.trees.structure import Indices, Numbers, splits


class Family(NamedTuple):
    """Tree k has the splits scoring above ``alphas[k]``; tree 0 is the full tree.

    Node t is a leaf of tree k where ``birth[t] <= k < death[t]``.
    """

    alphas: Numbers
    birth: Indices
    death: Indices


def family(tree: Any, scores: Numbers) -> Family:
    """The family that ordered scores describe: one tree for each score there is.

    ``alphas[0]`` is 0 where no score is lower (scikit-learn leaves a tree whole at α = 0), or just
    below the lowest.
    """
    values, steps = np.unique(scores, return_inverse=True)
    lowest = float(values[0]) if len(values) else 0.0
    first = 0.0 if lowest >= 0 else float(np.nextafter(lowest, -np.inf))
    inner = splits(tree)
    birth = np.zeros(tree.node_count, dtype=np.intp)
    birth[inner] = steps + 1
    death = np.full(tree.node_count, len(values) + 1, dtype=np.intp)
    for children in (tree.children_left, tree.children_right):
        death[children[inner]] = birth[inner]
    return Family(np.concatenate(([first], values)), birth, death)


def swept(members: Family, values: Numbers) -> Numbers:
    """The sum of ``values`` over the leaves of each tree of the family."""
    size = len(members.alphas) + 1
    born = np.bincount(members.birth, values, size)
    gone = np.bincount(members.death, values, size)
    return np.asarray(np.cumsum(born - gone)[:-1])
