"""Reduced-error thinning: each tree that helps the most."""

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
    paper="Margineantu and Dietterich 1997",
)
def thin_reduced_error(
    model: Any,
    data: Any,
    *,
    vote: Annotated[thin.Vote, "one class a tree, or its class shares as forests do"] = "hard",
) -> Scores:
    """Keep the trees that, one after the other, make the forest most accurate on held-out rows.

    The score counts down from the first tree taken; a smaller forest is the beginning of a larger.
    """
    order = thin.reduced_error(thin.votes(model, data, vote))
    return {"forest": torch.from_numpy(thin.places(order))}
