"""The shape of fitted scikit-learn trees: which splits there are, and what a cut leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

LEAF = -1  # as a child: there is none
# What a forest knows from its out-of-bag rows is no longer true of a pruned one.
STALE = ("oob_score_", "oob_decision_function_", "oob_prediction_")

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
    if isinstance(members, np.ndarray):  # boosting: a tree for each class in every stage
        members = members.ravel().tolist()
    if not isinstance(members, list) or not all(hasattr(m, "tree_") for m in members):
        kind = type(model).__name__
        raise TypeError(f"The model must be a fitted scikit-learn tree or forest, got {kind}.")
    return {f"tree {i}": member for i, member in enumerate(members)}


def single(tree: Any) -> Any:
    """The same tree.

    Raises:
        NotFittedError: it has not been fitted.
        TypeError: it is not one scikit-learn tree.
    """
    if hasattr(tree, "fit") and hasattr(tree, "get_n_leaves"):
        check_is_fitted(tree)
    elif not hasattr(tree, "tree_"):
        raise TypeError(f"tree must be one fitted scikit-learn tree, got {type(tree).__name__}.")
    return trees(tree)["tree"]


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


def tree_arrays(
    model: Any, mask: Mapping[str, Tensor], scores: Mapping[str, Tensor] | None = None
) -> dict[str, NDArray[Any]]:
    """The (first) dense tree node by node, for a picture of it: links, splits, classes, what stays.

    ``value`` holds class fractions, ``score`` the score of a split (NaN for leaves). Where whole
    trees go, all nodes of this one stay and have no score.
    """
    name, member = next(iter(trees(model).items()))
    tree = member.tree_
    score = np.full(tree.node_count, np.nan)
    if scores is not None and name in scores:
        score[splits(tree)] = scores[name].double().cpu().numpy()
    return {
        "left": tree.children_left.copy(),
        "right": tree.children_right.copy(),
        "feature": tree.feature.copy(),
        "threshold": tree.threshold.copy(),
        "samples": tree.n_node_samples.copy(),
        "value": tree.value[:, 0, :].copy(),
        "depth": depths(tree),
        "kept": _there(tree, mask[name]) if name in mask else np.ones(tree.node_count, bool),
        "score": score,
    }


def _there(tree: Any, mask: Tensor) -> Bools:
    return survivors(tree, mask.cpu().numpy())[0]
