"""Error-based pruning, as in C4.5: an upper limit of each node's training error."""

from __future__ import annotations

from typing import Annotated, Any

import torch

from prunelab.masks import Scores
from prunelab.registry import Range, method
from prunelab.trees import trees
from prunelab.trees.limits import Table, collapsible, estimates
from prunelab.trees.rules import ranked, settle

NEARLY = 0.1  # C4.5 prefers a leaf that costs up to this many errors more


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="estimated errors saved per leaf",
    needs={"tree"},
    paper="Quinlan 1993, C4.5",
)
def error_based(
    model: Any,
    data: object,
    *,
    confidence: Annotated[float, Range(0.001, 0.999), "lower prunes more"] = 0.25,
    table: Annotated[
        Table, "C4.5's own table, Weka's normal approximation, or the exact binomial limit"
    ] = "c45",
    collapse: Annotated[bool, "first cut what makes no fewer training errors"] = True,
) -> Scores:
    """Cut a split unless its leaves' pessimistic errors together are fewer than its own.

    The error of a node is the upper confidence limit of its training errors. The splits of
    positive score are those that C4.5 leaves when it does not raise subtrees
    (``prunelab.trees.raise_subtrees`` does).

    It believes that few training rows are not to be trusted, as an upper limit says. It goes wrong
    with noisy labels, where that limit is too low and far too much stays.

    Raises:
        ValueError: a confidence that is not between 0 and 1.
    """
    scores: dict[str, torch.Tensor] = {}
    for name, member in trees(model).items():
        leaf = estimates(member, confidence, table)
        first = ~collapsible(member) if collapse else None
        stays = settle(member.tree_, leaf, tolerance=NEARLY, first=first)
        scores[name] = torch.from_numpy(ranked(member.tree_, stays, leaf))
    return scores
