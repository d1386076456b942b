"""Slow, plain versions of the tree rules, and every pruning of a small tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from prunelab.trees import splits


def small_tree(seed: int, *, regressor: bool = False) -> tuple[Any, Any, Any]:
    """A tree of at most nine leaves, and held-out rows, some of which reach no leaf at all."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, (50, 3)).astype(float), rng.integers(0, 3, 50)
    kind = DecisionTreeRegressor if regressor else DecisionTreeClassifier
    tree = kind(random_state=0, max_leaf_nodes=int(rng.integers(2, 10))).fit(x, y)
    return tree, rng.integers(0, 6, (25, 3)).astype(float), rng.integers(0, 3, 25)


def prunings(tree: Any, node: int = 0) -> Iterator[frozenset[int]]:
    """The kept splits of every pruned subtree."""
    yield frozenset()
    left, right = tree.children_left[node], tree.children_right[node]
    if left >= 0:
        for one in prunings(tree, left):
            for other in prunings(tree, right):
                yield one | other | {node}


def leaves(tree: Any, kept: frozenset[int], node: int = 0) -> list[int]:
    if node not in kept:
        return [node]
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    return leaves(tree, kept, left) + leaves(tree, kept, right)


def cheapest(
    tree: Any, leaf: Callable[[int], float], split: Callable[[int], float] = lambda _: 0.0
) -> tuple[float, int]:
    """The least cost of any pruned subtree, and the fewest leaves that reach it."""
    costs = [
        (sum(map(leaf, leaves(tree, kept))) + sum(map(split, kept)), len(kept) + 1)
        for kept in prunings(tree)
    ]
    best = min(cost for cost, _ in costs)
    return best, min(size for cost, size in costs if cost <= best + 1e-9)


def counts(tree: Any, node: int) -> list[float]:
    n = float(tree.weighted_n_node_samples[node])
    return [float(share) * n for share in tree.value[node, 0]]


def wrong(tree: Any, node: int) -> float:
    return sum(counts(tree, node)) - max(counts(tree, node))


def expected_error(tree: Any, node: int, m: float) -> float:
    c, root = counts(tree, node), counts(tree, 0)
    n = sum(c)
    prior = [r / sum(root) for r in root]
    return n * min(1 - (k + m * p) / (n + m) for k, p in zip(c, prior, strict=True))


def leaf_bits(tree: Any, node: int, code: str) -> float:
    c = counts(tree, node)
    n, half = sum(c), len(c) / 2
    if code == "kt":
        ends = [math.lgamma(k + 0.5) - math.lgamma(0.5) for k in c]
        return 1 + (math.lgamma(n + half) - math.lgamma(half) - sum(ends)) / math.log(2)
    extra = (half - 0.5) * math.log2(n / 2) + half * math.log2(math.pi)
    extra -= math.lgamma(half) / math.log(2)
    return 1 + sum(k * math.log2(n / k) for k in c if k > 1e-9) + max(extra, 0.0)


def quinlan(tree: Any, estimate: Callable[[int], float], node: int = 0) -> tuple[float, set[int]]:
    """C4.5's EstimateErrors without raising: the errors of a branch and the splits it keeps."""
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    if left < 0:
        return estimate(node), set()
    (one, kept), (other, more) = quinlan(tree, estimate, left), quinlan(tree, estimate, right)
    if estimate(node) <= one + other + 0.1:
        return estimate(node), set()
    return one + other, kept | more | {node}


def pessimist(tree: Any, node: int = 0) -> set[int]:
    """Quinlan 1987, from the root down."""
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    if left < 0:
        return set()
    below = leaves(tree, frozenset(splits(tree).tolist()), node)
    branch = sum(wrong(tree, leaf) for leaf in below) + len(below) / 2
    n = sum(counts(tree, node))
    if wrong(tree, node) + 0.5 <= branch + math.sqrt(branch * (n - branch) / n):
        return set()
    return {node} | pessimist(tree, left) | pessimist(tree, right)


def raised(x: Any, y: Any, node: Any, estimate: Callable[[Any], float]) -> Any:
    """C4.5 with subtree raising; a tree is (feature, threshold, left, right), a leaf None.

    ``estimate`` maps the classes of the rows of a leaf to its errors.
    """
    if node is None:
        return None, estimate(y)
    feature, threshold, left, right = node
    goes = x[:, feature].astype(np.float32) <= threshold
    left, one = raised(x[goes], y[goes], left, estimate)
    right, other = raised(x[~goes], y[~goes], right, estimate)
    branch = left if goes.sum() > (~goes).sum() else right
    as_leaf, as_branch = estimate(y), through(x, y, branch, estimate)
    if as_leaf <= as_branch + 0.1 and as_leaf <= one + other + 0.1:
        return None, as_leaf
    if as_branch <= one + other + 0.1:
        return raised(x, y, branch, estimate)
    return (feature, threshold, left, right), one + other


def through(x: Any, y: Any, node: Any, estimate: Callable[[Any], float]) -> float:
    if node is None:
        return estimate(y)
    goes = x[:, node[0]].astype(np.float32) <= node[1]
    left = through(x[goes], y[goes], node[2], estimate)
    return left + through(x[~goes], y[~goes], node[3], estimate)


def nested(tree: Any, node: int = 0) -> Any:
    left, right = tree.children_left[node], tree.children_right[node]
    if left < 0:
        return None
    feature, threshold = int(tree.feature[node]), float(tree.threshold[node])
    return feature, threshold, nested(tree, left), nested(tree, right)
