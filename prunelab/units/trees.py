"""The trees of a forest: fewer of them vote."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from prunelab.registry import Unit, unit
from prunelab.trees import STALE
from prunelab.trees import trees as members


@unit(needs={"tree", "forest"}, noun="trees")
def trees() -> Unit:
    """Whole trees of a forest."""
    return Unit(shapes=_shapes, keep=_keep, rows=_rows)


def _shapes(forest: Any, data: object) -> dict[str, tuple[int, ...]]:
    return {"forest": (len(members(forest)),)}


def _keep(forest: Any, data: object, mask: Mapping[str, Tensor]) -> Any:
    if hasattr(forest, "tree_"):
        raise TypeError("A single tree has no trees to remove; prune its splits.")
    kept = torch.nonzero(mask["forest"]).flatten().tolist()
    thinned = copy.copy(forest)
    thinned.estimators_ = [forest.estimators_[i] for i in kept]
    thinned.n_estimators = len(kept)
    for name in STALE:
        vars(thinned).pop(name, None)
    return thinned


def _rows(forest: Any, data: object, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    units, kept = mask["forest"].numel(), int(mask["forest"].sum())
    return [{"name": "forest", "shape": [units], "units": units, "kept": kept}]
