"""Neuron pruning by the norms of what goes in and what comes out."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import nn

from prunelab.filters.readers import readers
from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.units.filters import by_filter, planned


@method(
    unit="filters",
    scope="uniform",
    paper="He et al. 2014 (onorm: the norm of the outgoing weights); the product is ours",
    label="norm in × norm out",
    baseline="random-filter",
    subjects=("mlp",),
    needs={"network"},
)
def neuron_norm(
    net: nn.Module,
    data: Any,
    *,
    incoming: Annotated[bool, "count the weights into a neuron"] = True,
    outgoing: Annotated[bool, "count the weights out of it"] = True,
) -> Scores:
    """Keep the neurons with large weights on both sides.

    s = ‖row of its layer‖₂ · ‖its columns in the layers that read it‖₂, or one of the two. With
    ReLU the product stays the same when a neuron is scaled up and its readers down, which leaves
    the network as it is; the norm of one side does not. Also for the filters of convolutions.

    Example: incoming (3, 4), outgoing (0.5): 5 · 0.5 = 2.5.
    """
    ins = by_filter(net, data, lambda weights: weights.norm(dim=1))
    scores = {}
    for group in planned(net, data).classes:
        squares = torch.zeros(group.size, dtype=torch.float64)
        for layer, units in readers(net, group):
            weight: Any = net.get_submodule(layer).weight
            columns = weight.detach().double().movedim(1, 0).flatten(1).square().sum(1).cpu()
            squares.index_add_(0, units[units >= 0], columns[units >= 0])
        one = torch.ones_like(squares)
        scores[group.name] = (ins[group.name] if incoming else one) * (
            squares.sqrt() if outgoing else one
        )
    return scores
