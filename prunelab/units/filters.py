"""Filters of convolutions and neurons of hidden layers: they are removed for real."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.parts import Parts
from prunelab.registry import Unit, unit
from prunelab.surgery import Class, Plan
from prunelab.units.planning import cut_by, offered


@unit(needs={"network"}, noun="filters", structured=True)
def filters() -> Unit:
    """Whole filters of convolutions and neurons of hidden layers.

    Filters that a shortcut adds together are one group and go together. A group keeps at least one
    of its filters: allocate with ``floor=1``.
    """
    return cut_by(planned, "filters")


def planned(net: nn.Module, data: Parts | Tensor | None) -> Plan:
    """Which filters and neurons can be removed from a network.

    Raises:
        ValueError: no data to run the network on, or nothing can be removed.
    """
    return offered(net, data, "filters", _put_out)


def by_filter(
    net: nn.Module, data: Parts | Tensor | None, score: Callable[[Tensor], Tensor]
) -> Scores:
    """Score every filter by its weights; layers that go together add their scores.

    ``score`` maps the filters of one layer, (filters, weights of each) in float64, to (filters,).
    """
    parameters = dict(net.named_parameters())
    scores = {}
    for group in planned(net, data).classes:
        scores[group.name] = torch.zeros(group.size, dtype=torch.float64)
        for member in group.members:
            if member.layer:
                weight = parameters[member.tensor].detach().movedim(member.dim, 0)
                each = score(weight.flatten(1).double()).cpu()
                ours = member.units >= 0
                scores[group.name].index_add_(0, member.units[ours], each[ours])
    return scores


def _put_out(net: nn.Module, group: Class) -> bool:
    """Whether layers put the units out, one number each: not heads, not columns of a table."""
    layers = dict(net.named_modules())
    return not group.heads and any(name in layers for name in group.producers)
