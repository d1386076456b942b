"""The splits of decision trees: a split that goes becomes a leaf and takes all below it along."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prunelab.registry import Unit, unit
from prunelab.trees import STALE, Bools, cut, depths, lift, splits, survivors, trees


@unit(needs={"tree"}, noun="splits")
def nodes() -> Unit:
    """Splits of a tree, or of all trees of a forest."""
    return Unit(shapes=_shapes, keep=_keep, rows=_rows, order=_order)


def _shapes(model: Any, data: object) -> dict[str, tuple[int, ...]]:
    return {name: (len(splits(member.tree_)),) for name, member in trees(model).items()}


def _keep(model: Any, data: object, mask: Mapping[str, Tensor]) -> Any:
    if isinstance(getattr(model, "estimators_", None), np.ndarray):
        raise TypeError(
            "Inner values of boosted trees are no answers; use prunelab.trees.prune_boosting."
        )
    pruned = {name: cut(member, _kept(mask[name])) for name, member in trees(model).items()}
    if hasattr(model, "tree_"):
        return pruned["tree"]
    forest = copy.copy(model)
    forest.estimators_ = list(pruned.values())
    for name in STALE:
        vars(forest).pop(name, None)
    return forest


def _rows(model: Any, data: object, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """One row per tree of a forest; one per depth of a single tree."""
    if hasattr(model, "tree_"):
        return _by_depth(model.tree_, _kept(mask["tree"]))
    rows = []
    for name, member in trees(model).items():
        left = int(survivors(member.tree_, _kept(mask[name]))[1].sum())
        rows.append(_row(name, len(splits(member.tree_)), left))
    return rows


def _by_depth(tree: Any, kept: Bools) -> list[dict[str, Any]]:
    inner = splits(tree)
    at = depths(tree)[inner]
    units = np.bincount(at)
    left = np.bincount(at, weights=survivors(tree, kept)[1][inner])
    return [
        _row(f"depth {depth}", int(n), int(k))
        for depth, (n, k) in enumerate(zip(units, left, strict=True))
    ]


def _row(name: str, units: int, kept: int) -> dict[str, Any]:
    return {"name": name, "shape": [units], "units": units, "kept": kept}


def _order(model: Any, scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores in which no split outranks its parent.

    Scores that obey already come back untouched, ties and all. Otherwise a split counts as much as
    the best below it, and each gets a rank of its own, parents first: every count stays possible.
    """
    own = {name: score.detach().double().cpu().numpy() for name, score in scores.items()}
    if not all(np.isfinite(score).all() for score in own.values()):
        return dict(scores)  # refused with the name of the tree where they are selected
    lifted = {name: lift(member.tree_, own[name]) for name, member in trees(model).items()}
    if all(np.array_equal(lifted[name], own[name]) for name in own):
        return dict(scores)
    values = np.concatenate(list(lifted.values()))
    ranks = torch.empty(len(values), dtype=torch.float64)
    best_first = torch.from_numpy(np.argsort(-values, kind="stable"))
    ranks[best_first] = torch.arange(len(values), 0, -1, dtype=torch.float64)
    return dict(zip(lifted, torch.split(ranks, [len(v) for v in lifted.values()]), strict=True))


def _kept(mask: Tensor) -> Bools:
    return mask.cpu().numpy()
