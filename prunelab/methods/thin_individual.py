"""Thinning by single accuracy: the best trees vote."""

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
    paper="Martínez-Muñoz et al. 2009",
)
def thin_individual(model: Any, data: Any) -> Scores:
    """Keep the trees that are most accurate alone on held-out rows.

    The score counts down from the first tree taken; a smaller forest is the beginning of a larger.
    """
    order = thin.individual(thin.votes(model, data))
    return {"forest": torch.from_numpy(thin.places(order))}
