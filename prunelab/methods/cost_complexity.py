"""Minimal cost-complexity pruning: the weakest link goes first."""

from __future__ import annotations

import heapq
from typing import Any

import torch

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import splits, trees


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="effective α",
    whole_ties=True,
    needs={"tree"},
    paper="Breiman et al. 1984, §3",
)
def cost_complexity(model: Any, data: object) -> Scores:
    """Collapse the split that raises the impurity least per leaf it saves, again and again.

    The score of a split is the α at which it collapses, so cutting all scores up to α gives the
    very tree that scikit-learn grows with ``ccp_alpha=α`` (α > 0). All trees of a forest share α.
    """
    return {name: _alphas(member.tree_) for name, member in trees(model).items()}


def _alphas(tree: Any) -> torch.Tensor:
    """The α of each split. Sums run in scikit-learn's order, so that they agree to the last bit."""
    inner = splits(tree).tolist()
    left, right = tree.children_left.tolist(), tree.children_right.tolist()
    above = _parents(left, right)
    risk = _risks(tree)
    branch, leaves = _branches(left, above, risk)
    gain = {i: (risk[i] - branch[i]) / (leaves[i] - 1) for i in inner}
    links = [(g, i) for i, g in gain.items()]
    heapq.heapify(links)
    alphas: dict[int, float] = {}
    alpha = 0.0  # rounding makes some first links faintly negative
    while links:
        weakest, node = heapq.heappop(links)
        if node in alphas or weakest != gain[node]:
            continue
        alpha = max(alpha, weakest)
        _collapse(node, alpha, left, right, alphas)
        saved, rise = leaves[node] - 1, risk[node] - branch[node]
        up = above[node]
        while up >= 0:
            leaves[up] -= saved
            branch[up] += rise
            gain[up] = (risk[up] - branch[up]) / (leaves[up] - 1)
            heapq.heappush(links, (gain[up], up))
            up = above[up]
    return torch.tensor([alphas[i] for i in inner], dtype=torch.float64)


def _risks(tree: Any) -> list[float]:
    weight = tree.weighted_n_node_samples
    return (weight * tree.impurity / weight[0]).tolist()  # type: ignore[no-any-return]


def _parents(left: list[int], right: list[int]) -> list[int]:
    above = [-1] * len(left)
    for node, (one, other) in enumerate(zip(left, right, strict=True)):
        if one >= 0:
            above[one] = above[other] = node
    return above


def _branches(
    left: list[int], above: list[int], risk: list[float]
) -> tuple[list[float], list[int]]:
    """Summed risk and number of the leaves below each split."""
    branch, leaves = [0.0] * len(left), [0] * len(left)
    for leaf, child in enumerate(left):
        node = above[leaf] if child < 0 else -1
        while node >= 0:
            branch[node] += risk[leaf]
            leaves[node] += 1
            node = above[node]
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
