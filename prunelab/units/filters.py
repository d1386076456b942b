"""Filters of convolutions and neurons of hidden layers: they are removed for real."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.parts import Parts
from prunelab.registry import Unit, unit
from prunelab.surgery import TOLERANCE, Plan, apart, cover, plan, shrink, zero

Signature = tuple[Any, ...]
_PLANS: WeakKeyDictionary[nn.Module, tuple[Signature, Plan]] = WeakKeyDictionary()


@unit(needs={"network"}, noun="filters", structured=True)
def filters() -> Unit:
    """Whole filters of convolutions and neurons of hidden layers.

    Filters that a shortcut adds together are one group and go together. A group keeps at least one
    of its filters: allocate with ``floor=1``.
    """
    return Unit(shapes=_shapes, keep=_keep, rows=_rows, cover=_cover)


def planned(net: nn.Module, data: Parts | Tensor | None) -> Plan:
    """What can be removed from a network; found once for a network whose shapes stay.

    Raises:
        ValueError: no data to run the network on, or nothing can be removed.
    """
    example = _example(net, data)
    shapes = tuple((name, tensor.shape) for name, tensor in net.state_dict().items())
    signature = (shapes, example.shape[1:])
    known = _PLANS.get(net)
    if known is None or known[0] != signature:
        known = _PLANS[net] = (signature, plan(net, example))
    if not known[1].classes:
        why = "; ".join(f"{layer}: {reason}" for layer, reason in known[1].frozen.items())
        raise ValueError(f"This network has no filters that can be removed ({why or 'no layers'}).")
    return known[1]


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


def _shapes(net: nn.Module, data: Any) -> dict[str, tuple[int, ...]]:
    return {group.name: (group.size,) for group in planned(net, data).classes}


def _cover(net: nn.Module, data: Any, mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return cover(planned(net, data), net, mask)


def _keep(net: nn.Module, data: Any, mask: Mapping[str, Tensor]) -> nn.Module:
    """Each removal is checked against the network with zeros instead."""
    found = planned(net, data)
    small, masked = shrink(found, net, mask), copy.deepcopy(net)
    zero(masked, cover(found, masked, mask))
    error = apart(masked, small, _example(net, data))
    if not error <= TOLERANCE:
        raise RuntimeError(f"The network without its pruned filters differs by {error:.1e}.")
    return small


def _rows(net: nn.Module, data: Any, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    parameters = dict(net.named_parameters())
    return [
        {
            "name": group.name,
            "shape": list(parameters[group.members[0].tensor].shape),
            "units": group.size,
            "kept": int(mask[group.name].sum()),
        }
        for group in planned(net, data).classes
    ]


def _example(net: nn.Module, data: Parts | Tensor | None) -> Tensor:
    if data is None:
        raise ValueError(
            "Finding the filters of a network needs an example input: pass data, or a tensor of a "
            "few examples."
        )
    x = data[0] if isinstance(data, tuple) else data
    x = x if isinstance(x, Tensor) else torch.from_numpy(x.train.x[:2])
    like = next(net.parameters())
    return x[:2].to(like.device, like.dtype if x.is_floating_point() else x.dtype)
