"""Trees that several tests prune, and what scikit-learn itself would make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree, _build_pruned_tree_py

from prunelab.registry import UNITS
from prunelab.trees import survivors

NODES = UNITS["nodes"].function()
DIGITS = load_digits(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
NOISY = make_classification(1500, 20, n_informative=6, flip_y=0.2, random_state=0)


def with_holes() -> tuple[Any, Any]:
    x, y = CANCER
    holes = np.random.default_rng(0).random(x.shape) < 0.2
    return np.where(holes, np.nan, x), y


CASES: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "digits": (DIGITS, {}, False),
    "entropy": (DIGITS, {"criterion": "entropy"}, False),
    "noisy table": (NOISY, {}, False),
    "weights": (CANCER, {}, True),
    "class weights": (NOISY, {"class_weight": "balanced", "max_features": 3}, False),
    "holes": (with_holes(), {}, False),
    "best first": (DIGITS, {"max_leaf_nodes": 60}, False),
    "min leaf": (NOISY, {"min_samples_leaf": 5, "criterion": "log_loss"}, False),
}


def grown(case: str, alpha: float = 0.0) -> DecisionTreeClassifier:
    (x, y), options, weighted = CASES[case]
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float) if weighted else None
    tree = DecisionTreeClassifier(random_state=0, ccp_alpha=alpha, **options)
    return tree.fit(x, y, sample_weight=weight)


def state(tree: Any) -> tuple[Any, ...]:
    found = tree.__getstate__()
    fields = found["nodes"].dtype.names
    columns = tuple(found["nodes"][name].tobytes() for name in fields)
    return (*columns, found["values"].tobytes(), found["max_depth"], found["node_count"])


def built_by_sklearn(tree: Any, kept: np.ndarray) -> Any:
    there, splitting = survivors(tree, kept)
    pruned = Tree(tree.n_features, np.array(tree.n_classes), tree.n_outputs)
    _build_pruned_tree_py(pruned, tree, (there & ~splitting).astype(np.uint8))
    return pruned
