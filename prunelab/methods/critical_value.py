"""Critical-value pruning: how much each split told when the tree was grown."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from scipy import stats

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import Numbers, lift, splits, trees
from prunelab.trees.counts import class_counts


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="strongest split at or below",
    needs={"tree"},
    paper="Mingers 1987",
)
def critical_value(
    model: Any,
    data: object,
    *,
    strength: Annotated[
        Literal["g", "impurity"], "-ln p of the G test of classes by branch, or impurity lowered"
    ] = "g",
) -> Scores:
    """Cut a branch unless some split in it is strong.

    The score is the highest strength at or below a split, so that a critical value cuts all scores
    up to it: ln(20) ≈ 3 keeps what has a split of p < 0.05.

    It believes in strong splits, however deep they are. It goes wrong with many splits to choose
    from: the strongest of many is strong by luck, so too much stays.
    """
    measure = _surprise if strength == "g" else _lowered
    return {
        name: torch.from_numpy(lift(member.tree_, measure(member)))
        for name, member in trees(model).items()
    }


def _surprise(member: Any) -> Numbers:
    """-ln p of G = 2 Σ O ln(O / E); a logarithm, because p itself runs out of digits."""
    tree, counts = member.tree_, class_counts(member)
    inner = splits(tree)
    whole, weight = counts[inner], tree.weighted_n_node_samples
    strength = np.zeros(len(inner))
    for children in (tree.children_left[inner], tree.children_right[inner]):
        seen = counts[children]
        expected = whole * (weight[children] / weight[inner])[:, None, None]
        positive = seen > 0
        ratio = np.divide(seen, expected, out=np.ones_like(seen), where=positive & (expected > 0))
        strength += 2 * (seen * np.log(ratio)).sum((1, 2))
    freedom = np.maximum((whole > 0).sum(2) - 1, 0).sum(1)
    return np.asarray(-stats.chi2.logsf(np.maximum(strength, 0.0), np.maximum(freedom, 1)))


def _lowered(member: Any) -> Numbers:
    tree = member.tree_
    inner = splits(tree)
    left, right = tree.children_left[inner], tree.children_right[inner]
    risk = tree.weighted_n_node_samples * tree.impurity
    fall = risk[inner] - risk[left] - risk[right]
    return np.asarray(fall / np.maximum(tree.weighted_n_node_samples[inner], 1e-300))
