"""Reduced-error pruning: held-out rows decide."""

from __future__ import annotations

from typing import Any

import torch

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import trees
from prunelab.trees.counts import held_out, held_out_errors
from prunelab.trees.rules import ranked, settle


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="held-out errors saved per leaf",
    needs={"tree"},
    paper="Quinlan 1987, Simplifying decision trees",
)
def reduced_error(model: Any, data: Any) -> Scores:
    """Cut a split unless held-out rows are predicted better with it.

    The pruning set is the validation part; regressors count squared errors. The splits of positive
    score are the smallest of the most accurate subtrees on it; their order is by errors per leaf.

    It believes only rows the tree was not grown on. It goes wrong where rows are few: those held
    out are missed in growing, and a branch that none of them reaches is cut.
    ``prunelab.trees.prune_and_relabel`` lets those rows say what leaves answer, too.
    """
    rows = held_out(data)
    scores = {}
    for name, member in trees(model).items():
        cost = held_out_errors(model, member, rows)
        # sums of weights or squares leave a rest of rounding; counts are exact and keep it below 1
        stays = settle(member.tree_, cost, tolerance=1e-9 * float(cost[0]))
        scores[name] = torch.from_numpy(ranked(member.tree_, stays, cost))
    return scores
