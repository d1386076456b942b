"""Pruned trees are genuine ones, numbered and stored as scikit-learn numbers and stores its own.

So predict, decision_path, plot_tree, pickle and the rest need not know about pruning.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from prunelab.trees.structure import (
    Bools,
    Indices,
    Numbers,
    depths,
    levels,
    single,
    splits,
    survivors,
)

OF_A_LEAF = {"left_child": -1, "right_child": -1, "feature": -2, "threshold": -2.0}


def cut(member: Any, kept: Bools) -> Any:
    """A copy of a fitted tree in which every split that is not ``kept`` has become a leaf."""
    pruned = copy.copy(member)
    if not kept.all():
        pruned.tree_ = _rebuilt(member.tree_, *survivors(member.tree_, kept))
    return pruned


def cut_at(member: Any, nodes: Iterable[int]) -> Any:
    """A copy of a fitted tree in which the nodes of these ids have become leaves: cuts by hand.

    Raises:
        NotFittedError, TypeError: not one fitted tree.
        ValueError: an id the tree does not have.
    """
    tree, ids = single(member).tree_, np.unique(np.array(list(nodes), dtype=np.intp))
    strange = ids[(ids < 0) | (ids >= tree.node_count)]
    if len(strange):
        raise ValueError(f"The tree has nodes 0 to {tree.node_count - 1}, got {strange[0]}.")
    return cut(member, ~np.isin(splits(tree), ids))


def valued(member: Any, values: Numbers) -> Any:
    """A copy of a fitted tree with other values in its nodes, (nodes, outputs, classes)."""
    kind, arguments, state = member.tree_.__reduce__()
    fresh = kind(*arguments)
    fresh.__setstate__({**state, "values": np.ascontiguousarray(values)})
    changed = copy.copy(member)
    changed.tree_ = fresh
    return changed


def _rebuilt(tree: Any, there: Bools, splitting: Bools) -> Any:
    kind, arguments, state = tree.__reduce__()
    ids, left, right = _numbered(tree, there, splitting)
    nodes = np.zeros(len(ids), state["nodes"].dtype)  # zeros: the padding is pickled too
    for field in nodes.dtype.names:
        nodes[field] = state["nodes"][field][ids]
    leaf = ~splitting[ids]
    for field, value in OF_A_LEAF.items():
        nodes[field][leaf] = value
    nodes["missing_go_to_left"][leaf] = 0
    nodes["left_child"][~leaf], nodes["right_child"][~leaf] = left[~leaf], right[~leaf]
    fresh = kind(*arguments)
    changed = {
        "max_depth": int(depths(tree)[there].max()),
        "node_count": len(ids),
        "nodes": nodes,
        "values": np.ascontiguousarray(state["values"][ids]),
    }
    fresh.__setstate__({**state, **changed})
    return fresh


def _numbered(tree: Any, there: Bools, splitting: Bools) -> tuple[Indices, Indices, Indices]:
    """Old ids in the new pre-order, and the new ids of their children."""
    size = there.astype(np.intp)
    down = [tuple(a[splitting[ids]] for a in (ids, le, ri)) for ids, le, ri in levels(tree)]
    for ids, left, right in reversed(down):
        size[ids] += size[left] + size[right]
    place = np.zeros(tree.node_count, dtype=np.intp)
    for ids, left, right in down:
        place[left] = place[ids] + 1
        place[right] = place[left] + size[left]
    ids = np.flatnonzero(there)
    ids = ids[np.argsort(place[ids])]
    return ids, place[tree.children_left[ids]], place[tree.children_right[ids]]
