"""Pessimistic-error pruning: training errors, corrected by half an error a leaf."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import trees
from prunelab.trees.counts import errors
from prunelab.trees.rules import at_leaves, leaf_counts, ranked


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="corrected errors saved per leaf",
    needs={"tree"},
    paper="Quinlan 1987, Simplifying decision trees",
)
def pessimistic_error(model: Any, data: object) -> Scores:
    """Cut a split unless its branch beats a leaf by more than one standard error.

    Each leaf counts half an error more than it makes. No pruning set is needed. From the root
    down: the splits of positive score are those the rule leaves.

    It believes that training errors are half an error a leaf too few. It goes wrong with noisy
    labels, which cost more than that, and from the top it may cut a good split below a poor one.
    """
    return {name: torch.from_numpy(_scores(member)) for name, member in trees(model).items()}


def _scores(member: Any) -> Any:
    tree = member.tree_
    half = tree.n_outputs / 2
    rows = tree.weighted_n_node_samples * tree.n_outputs
    own = errors(member)
    branch = at_leaves(tree, own) + half * leaf_counts(tree)
    spread = np.sqrt(np.maximum(branch * (rows - branch), 0) / np.maximum(rows, 1e-300))
    leaf = own + half
    return ranked(tree, leaf > branch + spread, leaf)
