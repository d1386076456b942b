"""Pre-pruning on the same axis: where growth would have stopped."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import Numbers, depths, splits, trees
from prunelab.trees.rules import narrow

Criterion = Literal["depth", "leaf size", "node size", "impurity decrease"]


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="limit at which growth stops",
    needs={"tree"},
    paper="Breiman et al. 1984, §3.1",
)
def pre_pruning(
    model: Any,
    data: object,
    *,
    criterion: Annotated[
        Criterion, "depth, rows of the smaller child, rows, or weighted impurity decrease"
    ] = "depth",
) -> Scores:
    """Stop where growing with a limit would have stopped, counted on the full tree.

    The score is the limit at which a split is no longer made (minus the depth, so that higher
    stays); a stop takes all below it along. A tree grown anew with the limit may break ties between
    features differently, so it is close to the cut tree but not always equal.

    It believes that deep or thinly filled splits are noise, whatever they gain. It goes wrong where
    a poor split is needed for a good one, as in a chessboard.
    """
    return {
        name: torch.from_numpy(narrow(member.tree_, _limits(member.tree_, criterion)))
        for name, member in trees(model).items()
    }


def _limits(tree: Any, criterion: str) -> Numbers:
    inner = splits(tree)
    left, right = tree.children_left[inner], tree.children_right[inner]
    if criterion == "depth":
        return np.asarray(-depths(tree)[inner], np.float64)
    rows = tree.n_node_samples.astype(np.float64)
    if criterion == "node size":
        return np.asarray(rows[inner])
    if criterion == "leaf size":
        return np.asarray(np.minimum(rows[left], rows[right]))
    risk = tree.weighted_n_node_samples * tree.impurity / tree.weighted_n_node_samples[0]
    return np.asarray(risk[inner] - risk[left] - risk[right])
