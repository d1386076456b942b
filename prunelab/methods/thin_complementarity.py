"""Complementarity thinning: each tree that knows what the others do not."""

from __future__ import annotations

from typing import Annotated, Any

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
    paper="Martínez-Muñoz and Suárez 2004",
)
def thin_complementarity(
    model: Any,
    data: Any,
    *,
    vote: Annotated[thin.Vote, "one class a tree, or its class shares as forests do"] = "hard",
) -> Scores:
    """Keep the trees that are right on the held-out rows where those before them are wrong.

    The score counts down from the first tree taken; a smaller forest is the beginning of a larger.
    """
    order = thin.complementarity(thin.votes(model, data, vote))
    return {"forest": torch.from_numpy(thin.places(order))}
