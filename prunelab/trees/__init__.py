"""Arithmetic on fitted scikit-learn trees, and pruned trees as scikit-learn estimators."""

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
    "cut",
    "cut_at",
    "depths",
    "levels",
    "lift",
    "splits",
    "survivors",
    "tree_arrays",
    "trees",
]
