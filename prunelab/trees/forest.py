"""Whole forests: the curve over α from one forest, and each tree pruned on its own rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_consistent_length

from prunelab.trees.counts import Rows, Sets
from prunelab.trees.prune import scores_of
from prunelab.trees.rebuild import cut
from prunelab.trees.structure import STALE, Indices, Numbers, levels, splits, trees


class ForestCurve(NamedTuple):
    """A forest at several thresholds: leaves of all its trees, and what it answers.

    ``answers`` are class probabilities (alphas, rows, classes), or predictions (alphas, rows).
    """

    alphas: Numbers
    leaves: Indices
    answers: Numbers


def forest_curve(
    forest: Any, x: Any, alphas: Sequence[float], method: str = "cost-complexity", **knobs: Any
) -> ForestCurve:
    """What a forest answers at every α, from one fit: as if it had been grown with ``ccp_alpha``.

    Raises:
        TypeError: not a fitted forest, several outputs, or boosting.
        ValueError: no alphas, or rows the forest does not know.
    """
    members = _members(forest)
    grid = np.asarray(alphas, np.float64)
    if grid.ndim != 1 or not len(grid) or np.isnan(grid).any():
        raise ValueError("alphas must be a list of at least one number.")
    x = members[0]._validate_X_predict(x, check_input=True)
    classes = members[0].tree_.value.shape[2]
    whole = np.zeros((len(grid), len(x), classes))
    leaves = np.zeros(len(grid), dtype=np.intp)
    for member in members:
        home = homes(
            member.tree_, _collapsed(scores_of(member, method, None, **knobs), grid, method)
        )
        leaves += (home == np.arange(len(home))[:, None]).sum(0)
        whole += member.tree_.value[home[member.tree_.apply(x)].T, 0]
    answers = whole / len(members)
    return ForestCurve(grid, leaves, answers if is_classifier(forest) else answers[:, :, 0])


def homes(tree: Any, collapsed: Any) -> Indices:
    """For each node the leaf it falls into in each of several pruned trees; -1 above the leaves.

    ``collapsed`` says for each split (rows) whether it is cut in each tree (columns).
    """
    own = np.arange(tree.node_count)[:, None]
    leaf = np.ones((tree.node_count, collapsed.shape[1]), dtype=bool)
    leaf[splits(tree)] = collapsed
    home = np.where(leaf, own, -1)
    for ids, left, right in levels(tree):
        above = home[ids]
        for children in (left, right):
            home[children] = np.where(above >= 0, above, home[children])
    return home


def prune_on_own_rows(
    forest: Any, x: Any, y: Any, method: str = "reduced-error", **knobs: Any
) -> Any:
    """A forest whose every tree is pruned on the rows it was not grown on (out of its bag).

    Each tree becomes better alone; the forest often does not, so look at both.

    Raises:
        TypeError: not a fitted forest, several outputs, or boosting.
        ValueError: rows the forest was not grown on, or no bootstrap.
    """
    members = _members(forest)
    if not getattr(forest, "bootstrap", False):
        raise ValueError("The forest must be grown with bootstrap=True to have rows out of bag.")
    x = members[0]._validate_X_predict(x, check_input=True)
    y = np.asarray(y)
    check_consistent_length(x, y)
    if is_classifier(forest):
        unseen = np.setdiff1d(y, forest.classes_)
        if len(unseen):
            raise ValueError(f"y has the class {unseen[0]}, which the forest has never seen.")
        y = np.searchsorted(forest.classes_, y)
    pruned = []
    for member, inside in zip(members, forest.estimators_samples_, strict=True):
        if len(x) != forest._n_samples or inside.max() >= len(x):
            raise ValueError(f"x must be the {forest._n_samples} rows the forest was grown on.")
        outside = np.setdiff1d(np.arange(len(x)), inside)
        if not len(outside):
            pruned.append(member)
            continue
        rows = Rows(x[outside], y[outside])
        pruned.append(cut(member, scores_of(member, method, Sets(rows, rows), **knobs) > 0))
    return with_trees(forest, pruned)


def with_trees(forest: Any, members: Sequence[Any]) -> Any:
    """A copy of a forest with other trees, without what only held for its own."""
    fresh = copy.copy(forest)
    fresh.estimators_ = list(members)
    fresh.n_estimators = len(members)
    for name in STALE:
        vars(fresh).pop(name, None)
    return fresh


def _members(forest: Any) -> list[Any]:
    if hasattr(forest, "tree_") or isinstance(getattr(forest, "estimators_", None), np.ndarray):
        raise TypeError(f"This needs a fitted forest, got {type(forest).__name__}.")
    members = list(trees(forest).values())
    if members[0].tree_.n_outputs > 1:
        raise TypeError("This needs a forest with one output.")
    return members


def _collapsed(scores: Numbers, grid: Numbers, method: str) -> Any:
    collapsed = scores[:, None] <= grid
    if method == "cost-complexity":
        collapsed[:, grid == 0] = False  # as scikit-learn: an α of exactly 0 prunes nothing
    return collapsed
