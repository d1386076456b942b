"""Arithmetic on fitted scikit-learn trees: which splits there are, what a cut leaves, the new tree.

Every pruned tree is a genuine one, numbered and stored as scikit-learn numbers and stores its own,
so that predict, decision_path, plot_tree, pickle and the rest need not know about pruning.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

LEAF = -1  # as a child: there is none
_OF_A_LEAF = {"left_child": -1, "right_child": -1, "feature": -2, "threshold": -2.0}

Bools = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Indices = NDArray[np.intp]


def trees(model: Any) -> dict[str, Any]:
    """The fitted trees by group name: "tree" for a single one, "tree 0", "tree 1"... of a forest.

    Raises:
        TypeError: neither a fitted tree nor a fitted forest.
    """
    if hasattr(model, "tree_"):
        return {"tree": model}
    members = getattr(model, "estimators_", None)
    if not isinstance(members, list) or not all(hasattr(m, "tree_") for m in members):
        kind = type(model).__name__
        raise TypeError(f"The model must be a fitted scikit-learn tree or forest, got {kind}.")
    return {f"tree {i}": member for i, member in enumerate(members)}


def splits(tree: Any) -> Indices:
    """The ids of the inner nodes, ascending; a parent comes before its children."""
    return np.flatnonzero(tree.children_left != LEAF)


def depths(tree: Any) -> NDArray[np.int64]:
    """The depth of each node; the root is at 0."""
    return np.asarray(tree.compute_node_depths(), dtype=np.int64) - 1


def levels(tree: Any) -> Iterator[tuple[Indices, Indices, Indices]]:
    """The splits of each depth from the root down, with their left and right children."""
    inner = splits(tree)
    at = depths(tree)[inner]
    by_depth = inner[np.argsort(at, kind="stable")]
    for ids in np.split(by_depth, np.cumsum(np.bincount(at))[:-1] if len(at) else []):
        yield ids, tree.children_left[ids], tree.children_right[ids]


def survivors(tree: Any, kept: Bools) -> tuple[Bools, Bools]:
    """Which nodes are still there, and which of them still split; a cut takes all below with it.

    ``kept`` has one entry per split, in the order of ``splits``.
    """
    splitting = np.zeros(tree.node_count, dtype=bool)
    splitting[splits(tree)] = kept
    there = np.zeros(tree.node_count, dtype=bool)
    there[0] = True
    for ids, left, right in levels(tree):
        splitting[ids] &= there[ids]
        there[left] = there[right] = splitting[ids]
    return there, splitting


def lift(tree: Any, scores: Numbers) -> Numbers:
    """The highest score at or below each split."""
    highest = np.full(tree.node_count, -np.inf)
    highest[splits(tree)] = scores
    for ids, left, right in reversed(list(levels(tree))):
        highest[ids] = np.maximum(highest[ids], np.maximum(highest[left], highest[right]))
    return highest[splits(tree)]


def cut(member: Any, kept: Bools) -> Any:
    """A copy of a fitted tree in which every split that is not ``kept`` has become a leaf."""
    pruned = copy.copy(member)
    if not kept.all():
        pruned.tree_ = _rebuilt(member.tree_, *survivors(member.tree_, kept))
    return pruned


def tree_arrays(
    model: Any, mask: Mapping[str, Tensor], scores: Mapping[str, Tensor] | None = None
) -> dict[str, NDArray[Any]]:
    """The (first) dense tree node by node, for a picture of it: links, splits, classes, what stays.

    ``value`` holds class fractions, ``score`` the score of a split (NaN for leaves).
    """
    name, member = next(iter(trees(model).items()))
    tree = member.tree_
    score = np.full(tree.node_count, np.nan)
    if scores is not None:
        score[splits(tree)] = scores[name].double().cpu().numpy()
    return {
        "left": tree.children_left.copy(),
        "right": tree.children_right.copy(),
        "feature": tree.feature.copy(),
        "threshold": tree.threshold.copy(),
        "samples": tree.n_node_samples.copy(),
        "value": tree.value[:, 0, :].copy(),
        "depth": depths(tree),
        "kept": survivors(tree, mask[name].cpu().numpy())[0],
        "score": score,
    }


def _rebuilt(tree: Any, there: Bools, splitting: Bools) -> Any:
    kind, arguments, state = tree.__reduce__()
    ids, left, right = _numbered(tree, there, splitting)
    nodes = np.zeros(len(ids), state["nodes"].dtype)  # zeros: the padding is pickled too
    for field in nodes.dtype.names:
        nodes[field] = state["nodes"][field][ids]
    leaf = ~splitting[ids]
    for field, value in _OF_A_LEAF.items():
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
