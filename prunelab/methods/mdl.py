"""Minimum description length: the tree and its mistakes in as few bits as possible."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from scipy.special import gammaln, xlogy

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import Numbers, splits, trees
from prunelab.trees.counts import class_counts, held_out
from prunelab.trees.rules import ranked, settle

BIT = np.log(2)


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="bits saved per leaf",
    needs={"tree"},
    paper="Mehta, Rissanen and Agrawal 1995",
)
def mdl(
    model: Any,
    data: Any,
    *,
    code: Annotated[
        Literal["mehta", "kt"], "class code of Mehta et al., or Krichevsky-Trofimov"
    ] = "mehta",
) -> Scores:
    """Cut a split unless tree and classes together take fewer bits with it.

    The training rows say how many values of a feature a threshold was chosen from. The splits of
    positive score are those of the shortest description. There is nothing to set.

    It believes that what describes the rows shortest is true. It goes wrong with few rows or many
    classes: the bits of a split weigh so much that real structure is cut.
    """
    values = _values(held_out(data, "train").x)
    scores: dict[str, torch.Tensor] = {}
    for name, member in trees(model).items():
        tree, leaf, split = member.tree_, _leaf_bits(member, code), _split_bits(member, values)
        scores[name] = torch.from_numpy(ranked(tree, settle(tree, leaf, split), leaf, split))
    return scores


def _leaf_bits(member: Any, code: str) -> Numbers:
    counts = class_counts(member)
    rows = member.tree_.weighted_n_node_samples
    bits = np.ones(len(rows))
    for output, classes in enumerate(member.tree_.n_classes):
        bits += (_mehta if code == "mehta" else _kt)(counts[:, output, :classes], rows)
    return bits


def _mehta(counts: Numbers, rows: Numbers) -> Numbers:
    """Σ c log₂(n/c) + (C-1)/2 log₂(n/2) + log₂(π^(C/2) / Γ(C/2)); the last two not below 0."""
    half = counts.shape[1] / 2
    rows = np.maximum(rows, 1e-300)
    shares = (xlogy(counts, rows[:, None]) - xlogy(counts, counts)).sum(1)
    extra = (half - 0.5) * np.log(rows / 2) + half * np.log(np.pi) - gammaln(half)
    return np.asarray((shares + np.maximum(extra, 0.0)) / BIT)


def _kt(counts: Numbers, rows: Numbers) -> Numbers:
    half = counts.shape[1] / 2
    whole = gammaln(rows + half) - gammaln(half)
    return np.asarray((whole - (gammaln(counts + 0.5) - gammaln(0.5)).sum(1)) / BIT)


def _split_bits(member: Any, values: Numbers) -> Numbers:
    tree = member.tree_
    bits, inner = np.zeros(tree.node_count), splits(tree)
    choices = np.maximum(values[tree.feature[inner]] - 1, 1)
    bits[inner] = 1 + np.log2(tree.n_features) + np.log2(choices)
    return bits


def _values(x: Any) -> Numbers:
    """How many different values each feature has; those that are missing are not counted."""
    columns = x.tocsc() if hasattr(x, "tocsc") else np.asarray(x, np.float64)
    found = np.empty(columns.shape[1])
    for feature in range(columns.shape[1]):
        column = columns[:, [feature]]
        seen = column.toarray() if hasattr(column, "toarray") else column
        found[feature] = len(np.unique(seen[~np.isnan(seen)]))
    return found
