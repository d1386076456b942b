"""Minimum-error pruning: the expected error of each node under an m-estimate."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch

from prunelab.masks import Scores
from prunelab.registry import Range, method
from prunelab.trees import Numbers, trees
from prunelab.trees.counts import class_counts
from prunelab.trees.rules import ranked, settle


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="expected errors saved per leaf",
    needs={"tree"},
    paper="Niblett and Bratko 1987; Cestnik and Bratko 1991",
)
def minimum_error(
    model: Any,
    data: object,
    *,
    m: Annotated[
        float, Range(0, 1000, 0.5), "examples the prior counts for; more prunes more"
    ] = 2.0,
    prior: Annotated[
        Literal["root", "laplace"], "class shares at the root, or m = classes, all alike (Laplace)"
    ] = "root",
) -> Scores:
    """Cut a split unless it lowers the expected error, each node's counts drawn to a prior.

    The splits of positive score are those of least expected error. ``m`` weighs the prior against
    the counts of a node; trees for growing m need not be nested.

    It believes that small nodes look more certain than they are. It goes wrong with noisy labels
    and a small m, where almost nothing is cut.

    Raises:
        ValueError: m below 0.
    """
    if not m >= 0:
        raise ValueError(f"m must be at least 0, got {m}.")
    scores = {}
    for name, member in trees(model).items():
        leaf = _expected(member, m, laplace=prior == "laplace")
        tree = member.tree_
        stays = settle(tree, leaf, tolerance=1e-9 * float(tree.weighted_n_node_samples[0]))
        scores[name] = torch.from_numpy(ranked(tree, stays, leaf))
    return scores


def _expected(member: Any, m: float, *, laplace: bool) -> Numbers:
    """n(t) E(t), with E(t) = min over classes of 1 - (c + m p) / (n + m), summed over outputs."""
    counts = class_counts(member)
    rows = member.tree_.weighted_n_node_samples
    found = np.zeros(len(rows))
    for output, classes in enumerate(member.tree_.n_classes):
        own = counts[:, output, :classes]
        weight = float(classes) if laplace else m
        share = np.full(classes, 1 / classes) if laplace else own[0] / max(own[0].sum(), 1e-300)
        likely = (own + weight * share).max(1) / np.maximum(rows + weight, 1e-300)
        found += rows * (1 - likely)
    return found
