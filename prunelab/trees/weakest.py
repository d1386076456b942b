"""Weakest-link pruning: the nested family of subtrees that minimise a cost plus α per leaf."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.trees.structure import Numbers, splits


def weakest_links(
    tree: Any, leaf: Numbers, split: Numbers | None = None, start: float = -np.inf
) -> Numbers:
    """The α at which each split collapses, in the order of ``splits``; no α is below ``start``.

    ``leaf`` is what each node costs as a leaf, ``split`` what it costs to keep its split. Sums run
    in scikit-learn's order, so that its own path of α comes out to the last bit.
    """
    inner = splits(tree).tolist()
    children = tree.children_left.tolist(), tree.children_right.tolist()
    above, risk = _parents(*children), leaf.tolist()
    branch, leaves = _branches(tree, above, leaf, split)
    gain = [(r - b) / (n - 1) if n else 0.0 for r, b, n in zip(risk, branch, leaves, strict=True)]
    queued = gain.copy()  # never above the gain, so a link is looked at no later than it must be
    links = sorted((gain[i], i) for i in inner)  # sorted is a heap
    alphas: dict[int, float] = {}
    alpha = start
    while links:
        weakest, node = heapq.heappop(links)
        if node in alphas or weakest != queued[node]:
            continue
        if weakest != gain[node]:
            queued[node] = gain[node]
            heapq.heappush(links, (gain[node], node))
            continue
        alpha = max(alpha, weakest)
        _collapse(node, alpha, *children, alphas)
        saved, rise = leaves[node] - 1, risk[node] - branch[node]
        up = above[node]
        while up >= 0:
            leaves[up] -= saved
            branch[up] += rise
            gain[up] = (risk[up] - branch[up]) / (leaves[up] - 1)
            if gain[up] < queued[up]:  # by rounding alone
                queued[up] = gain[up]
                heapq.heappush(links, (gain[up], up))
            up = above[up]
    return np.array([alphas[i] for i in inner], dtype=np.float64)


def _parents(left: list[int], right: list[int]) -> list[int]:
    above = [-1] * len(left)
    for node, (one, other) in enumerate(zip(left, right, strict=True)):
        if one >= 0:
            above[one] = above[other] = node
    return above


def _branches(
    tree: Any, above: list[int], leaf: Numbers, split: Numbers | None
) -> tuple[list[float], list[int]]:
    """Summed cost and number of the leaves below each split."""
    risk: NDArray[Any] = leaf
    branch, leaves = [0.0] * len(above), [0] * len(above)
    for node in np.flatnonzero(tree.children_left < 0).tolist():
        up, cost = above[node], float(risk[node])
        while up >= 0:
            branch[up] += cost
            leaves[up] += 1
            up = above[up]
    if split is not None:
        for node in splits(tree).tolist():
            up, cost = node, float(split[node])
            while up >= 0:
                branch[up] += cost
                up = above[up]
    return branch, leaves


def _collapse(
    node: int, alpha: float, left: list[int], right: list[int], alphas: dict[int, float]
) -> None:
    """Give the split, and those below it that are still there, this α."""
    below = [node]
    while below:
        here = below.pop()
        if left[here] >= 0 and here not in alphas:
            alphas[here] = alpha
            below += (left[here], right[here])
