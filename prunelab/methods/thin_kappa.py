"""Kappa thinning: the trees that agree least vote."""

from __future__ import annotations

from typing import Any

import torch

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import thin


@method(
    unit="trees",
    scope="global",
    recover="none",
    label="place from the end",
    baseline="thin-random",
    needs={"tree", "forest"},
    paper="Margineantu and Dietterich 1997",
)
def thin_kappa(model: Any, data: Any) -> Scores:
    """Keep the pairs of trees that agree least beyond chance on held-out rows (Cohen's κ).

    The score counts down from the first tree taken; a smaller forest is the beginning of a larger.
    """
    order = thin.kappa(thin.votes(model, data))
    return {"forest": torch.from_numpy(thin.places(order))}
