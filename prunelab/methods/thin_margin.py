"""Margin-distance thinning: right by a little, everywhere."""

from __future__ import annotations

from typing import Annotated, Any

import torch

from prunelab.masks import Scores
from prunelab.registry import Range, method
from prunelab.trees import thin


@method(
    unit="trees",
    scope="global",
    recover="none",
    label="place from the end",
    baseline="thin-random",
    needs={"tree", "forest"},
    paper="Martínez-Muñoz and Suárez 2004",
)
def thin_margin(
    model: Any,
    data: Any,
    *,
    p: Annotated[float, Range(0.005, 0.5, 0.005), "margin wanted in every row"] = 0.075,
) -> Scores:
    """Keep the trees that together come nearest to a small margin on every held-out row.

    The score counts down from the first tree taken; a smaller forest is the beginning of a larger.
    """
    order = thin.margin_distance(thin.votes(model, data), p)
    return {"forest": torch.from_numpy(thin.places(order))}
