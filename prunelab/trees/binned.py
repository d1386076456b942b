"""The trees of histogram gradient boosting, cut by the gain of their splits."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.trees.structure import Bools, Numbers


def cut_binned(model: Any, sparsity: float) -> Any:
    """A copy whose every tree loses this share of its splits, the lowest gains first.

    A branch counts as much as the best split in it, as in XGBoost's γ: raising γ walks the same
    way. Leaves that appear say the learning rate times what their node remembers.
    """
    pruned = copy.copy(model)
    pruned._predictors = [
        [_cut(predictor, sparsity, model.learning_rate) for predictor in stage]
        for stage in model._predictors
    ]
    return pruned


def _cut(predictor: Any, sparsity: float, rate: float) -> Any:
    nodes = predictor.nodes
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    gains = _gains(nodes)[inner]
    gone = int(np.floor(sparsity * len(inner) + 0.5))
    closed = np.zeros(len(nodes), dtype=bool)
    # children have the higher ids, so on ties they go before their parents
    closed[inner[np.lexsort((-inner, gains))[:gone]]] = True
    values = nodes["value"] * rate
    values[0] = _mean(nodes)
    kinds = predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets
    return type(predictor)(_closed(nodes, closed, values), *kinds)


def _gains(nodes: NDArray[Any]) -> Numbers:
    """The highest gain at or below each split; children have the higher ids."""
    gains = np.where(nodes["is_leaf"] == 1, -np.inf, nodes["gain"])
    for node in range(len(nodes) - 1, -1, -1):
        if not nodes["is_leaf"][node]:
            below = max(gains[nodes["left"][node]], gains[nodes["right"][node]])
            gains[node] = max(gains[node], below)
    return gains


def _mean(nodes: NDArray[Any]) -> float:
    """What the whole tree says on average: the root itself remembers nothing."""
    leaf = nodes["is_leaf"] == 1
    return float(np.average(nodes["value"][leaf], weights=nodes["count"][leaf]))


def _closed(nodes: NDArray[Any], closed: Bools, values: Numbers) -> NDArray[Any]:
    """The nodes that are left, renumbered; a closed one is a leaf with a value of its own."""
    order, todo = [], [0]
    while todo:
        node = todo.pop()
        order.append(node)
        if not (closed[node] or nodes["is_leaf"][node]):
            todo += [int(nodes["right"][node]), int(nodes["left"][node])]
    ids = np.array(order)
    place = np.zeros(len(nodes), dtype=np.uint32)
    place[ids] = np.arange(len(ids))
    fresh = nodes[ids].copy()
    fresh["left"], fresh["right"] = place[fresh["left"]], place[fresh["right"]]
    fresh["value"][closed[ids]] = values[ids[closed[ids]]]
    fresh["is_leaf"][closed[ids]] = 1
    leaf = fresh["is_leaf"] == 1
    fresh["left"][leaf] = fresh["right"][leaf] = 0
    return np.asarray(fresh)
