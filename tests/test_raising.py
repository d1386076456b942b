"""Subtree raising is C4.5's, and what it builds is an ordinary tree."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text
from tree_cases import CANCER, state, with_holes
from tree_oracles import nested, raised

from prunelab.trees import prune_tree, raise_subtrees
from prunelab.trees.limits import added_errors


def limit(y: Any) -> float:
    n, e = len(y), len(y) - int(np.bincount(y).max()) if len(y) else 0
    return float(e + added_errors(n, e, 0.25)) if n else 0.0


def test_it_is_what_c45_would_do() -> None:
    differs = 0
    for seed in range(8):
        x, y = make_classification(250, 6, n_informative=4, flip_y=0.4, random_state=seed)
        dense = DecisionTreeClassifier(random_state=0).fit(x, y)
        pruned = raise_subtrees(dense, x, y, collapse=False)
        assert nested(pruned.tree_) == raised(x, y, nested(dense.tree_), limit)[0]
        plain = prune_tree(dense, "error-based", collapse=False)
        differs += pruned.tree_.node_count < plain.tree_.node_count
    assert differs >= 2


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_counts_and_impurities_are_those_of_the_rows(criterion: str) -> None:
    x, y = make_classification(400, 6, n_informative=4, flip_y=0.4, random_state=3)
    weight = np.random.default_rng(0).integers(0, 3, 400).astype(float)
    options = {"criterion": criterion, "class_weight": "balanced", "random_state": 0}
    dense = DecisionTreeClassifier(**options).fit(x, y, sample_weight=weight)
    before = state(dense.tree_)
    pruned = raise_subtrees(dense, x, y, sample_weight=weight)
    assert state(dense.tree_) == before
    tree = pruned.tree_
    assert 1 < tree.node_count < dense.tree_.node_count
    there = weight > 0
    path = pruned.decision_path(x[there])
    assert np.array_equal(np.asarray(path.sum(0)).ravel(), tree.n_node_samples)
    balanced = weight * (400 / (2 * np.bincount(y)))[y]
    for node in range(tree.node_count):
        rows = path[:, node].toarray().ravel() > 0
        counts = np.bincount(y[there][rows], balanced[there][rows], 2)
        assert tree.weighted_n_node_samples[node] == pytest.approx(counts.sum())
        shares = counts / counts.sum()
        assert tree.value[node, 0] == pytest.approx(shares)
        nats = -sum(p * np.log2(p) for p in shares if p > 0)
        expected = 1 - (shares**2).sum() if criterion == "gini" else nats
        assert tree.impurity[node] == pytest.approx(expected, abs=1e-12)
    assert export_text(pickle.loads(pickle.dumps(pruned))) == export_text(pruned)
    assert pickle.dumps(pruned) == pickle.dumps(raise_subtrees(dense, x, y, sample_weight=weight))
    assert pruned.get_depth() == max(path.sum(1)) - 1


def test_holes_are_routed_as_the_tree_does() -> None:
    x, y = with_holes()
    dense = DecisionTreeClassifier(random_state=0).fit(x, y)
    pruned = raise_subtrees(dense, x, y, confidence=0.01)
    rows = np.asarray(pruned.decision_path(x).sum(0)).ravel()
    assert np.array_equal(rows, pruned.tree_.n_node_samples)
    assert pruned.get_n_leaves() < dense.get_n_leaves()


def test_a_tree_of_one_leaf_stays_one() -> None:
    leaf = DecisionTreeClassifier().fit(np.zeros((4, 2)), [0, 0, 1, 1])
    assert raise_subtrees(leaf, np.zeros((4, 2)), [0, 0, 1, 1]).get_n_leaves() == 1


def test_bad_input_is_refused() -> None:
    dense = DecisionTreeClassifier(max_depth=3).fit(*CANCER)
    x, y = CANCER
    with pytest.raises(ValueError, match="must be those that the tree was grown on"):
        raise_subtrees(dense, x[1:], y[1:])
    with pytest.raises(ValueError, match="takes at most 100 rows, got 569"):
        raise_subtrees(dense, x, y, most_rows=100)
    with pytest.raises(ValueError, match="between 0 and 1, got 2"):
        raise_subtrees(dense, x, y, confidence=2)
    with pytest.raises(ValueError, match="never seen"):
        raise_subtrees(dense, x, y + 4)
    with pytest.raises(TypeError, match="needs a tree of classes"):
        raise_subtrees(DecisionTreeRegressor(max_depth=2).fit(x, y), x, y)
    rising = DecisionTreeClassifier(monotonic_cst=[1] + [0] * 29, max_depth=3).fit(x, y)
    with pytest.raises(ValueError, match="break the tree's monotonic constraints"):
        raise_subtrees(rising, x, y)
    several = DecisionTreeClassifier(max_depth=3).fit(x, np.c_[y, y])
    with pytest.raises(ValueError, match="needs one output, got 2"):
        raise_subtrees(several, x, np.c_[y, y])
