"""Arithmetic on fitted scikit-learn trees, and pruned trees as scikit-learn estimators."""

from prunelab.trees.estimators import PrunedTreeClassifier, PrunedTreeRegressor
from prunelab.trees.optimal import OptimalSubtrees
from prunelab.trees.path import PruningPath
from prunelab.trees.path_cv import PruningPathCV
from prunelab.trees.prune import prune_tree
from prunelab.trees.raising import raise_subtrees
from prunelab.trees.rebuild import cut, cut_at
from prunelab.trees.structure import (
    LEAF,
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
    "Bools",
    "Indices",
    "Numbers",
    "OptimalSubtrees",
    "PrunedTreeClassifier",
    "PrunedTreeRegressor",
    "PruningPath",
    "PruningPathCV",
    "cut",
    "cut_at",
    "depths",
    "levels",
    "lift",
    "prune_tree",
    "raise_subtrees",
    "splits",
    "survivors",
    "tree_arrays",
    "trees",
]
