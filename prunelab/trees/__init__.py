"""Arithmetic on fitted scikit-learn trees, and pruned trees as scikit-learn estimators."""

from prunelab.trees.boosting import boosting_scores, prune_boosting, truncate_boosting
from prunelab.trees.estimators import PrunedTreeClassifier, PrunedTreeRegressor
from prunelab.trees.forest import forest_curve, prune_on_own_rows
from prunelab.trees.optimal import OptimalSubtrees
from prunelab.trees.path import PruningPath
from prunelab.trees.path_cv import PruningPathCV
from prunelab.trees.prune import prune_tree
from prunelab.trees.raising import raise_subtrees
from prunelab.trees.rebuild import cut, cut_at
from prunelab.trees.relabel import prune_and_relabel
from prunelab.trees.structure import (
    LEAF,
    STALE,
    Bools,
    Indices,
    Numbers,
    depths,
    levels,
    lift,
    splits,
    survivors,
    tree_arrays,
    trees,
)

__all__ = [
    "LEAF",
    "STALE",
    "Bools",
    "Indices",
    "Numbers",
    "OptimalSubtrees",
    "PrunedTreeClassifier",
    "PrunedTreeRegressor",
    "PruningPath",
    "PruningPathCV",
    "boosting_scores",
    "cut",
    "cut_at",
    "depths",
    "forest_curve",
    "levels",
    "lift",
    "prune_and_relabel",
    "prune_boosting",
    "prune_on_own_rows",
    "prune_tree",
    "raise_subtrees",
    "splits",
    "survivors",
    "tree_arrays",
    "trees",
    "truncate_boosting",
]
