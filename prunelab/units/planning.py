"""What a plan of a network offers as units of one kind, and units that are cut by its classes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from prunelab.parts import Parts
from prunelab.registry import Unit
from prunelab.surgery import TOLERANCE, Class, Plan, apart, cover, plan, shrink, zero

Kind = Callable[[nn.Module, Class], bool]
Signature = tuple[Any, ...]
_PLANS: WeakKeyDictionary[nn.Module, tuple[Signature, Plan, dict[str, Plan]]] = WeakKeyDictionary()


def whole(net: nn.Module, data: Parts | Tensor | None) -> Plan:
    """All that can be removed from a network; found once for a network whose shapes stay.

    Raises:
        ValueError: no data to run the network on.
    """
    return _known(net, data)[0]


def offered(net: nn.Module, data: Parts | Tensor | None, noun: str, kind: Kind) -> Plan:
    """The plan with the classes of one kind alone.

    Raises:
        ValueError: no data to run the network on, or it has no such units that can be removed.
    """
    every, kinds = _known(net, data)
    if noun not in kinds:
        kinds[noun] = replace(every, classes=tuple(c for c in every.classes if kind(net, c)))
    if not kinds[noun].classes:
        why = "; ".join(f"{layer}: {reason}" for layer, reason in every.frozen.items())
        raise ValueError(f"This network has no {noun} that can be removed ({why or 'no layers'}).")
    return kinds[noun]


def cut_by(planned: Callable[[nn.Module, Any], Plan], noun: str) -> Unit:
    """The unit whose groups are the classes of a plan."""
    return Unit(
        shapes=functools.partial(_shapes, planned),
        keep=functools.partial(_keep, planned, noun),
        rows=functools.partial(_rows, planned),
        cover=lambda net, data, mask: cover(planned(net, data), net, mask),
    )


def example_of(net: nn.Module, data: Parts | Tensor | None) -> Tensor:
    """A few inputs to run a network on.

    Raises:
        ValueError: no data.
    """
    if data is None:
        raise ValueError(
            "Finding the filters of a network needs an example input: pass data, or a tensor of a "
            "few examples."
        )
    x = data[0] if isinstance(data, tuple) else data
    x = x if isinstance(x, Tensor) else torch.from_numpy(x.train.x[:2])
    like = next(net.parameters())
    return x[:2].to(like.device, like.dtype if x.is_floating_point() else x.dtype)


def _known(net: nn.Module, data: Parts | Tensor | None) -> tuple[Plan, dict[str, Plan]]:
    example = example_of(net, data)
    shapes = tuple((name, tensor.shape) for name, tensor in net.state_dict().items())
    signature = (shapes, example.shape[1:])
    known = _PLANS.get(net)
    if known is None or known[0] != signature:
        known = _PLANS[net] = (signature, plan(net, example), {})
    return known[1], known[2]


def _shapes(planned: Callable[..., Plan], net: nn.Module, data: Any) -> dict[str, tuple[int, ...]]:
    return {group.name: (group.size,) for group in planned(net, data).classes}


def _keep(
    planned: Callable[..., Plan],
    noun: str,
    net: nn.Module,
    data: Any,
    mask: Mapping[str, Tensor],
) -> nn.Module:
    """Each removal is checked against the network with zeros instead.

    A layer that loses all its units keeps one that is zero, as no layer can be empty.
    """
    found, masked = planned(net, data), copy.deepcopy(net)
    zero(masked, cover(found, masked, mask))
    some = {name: m if m.any() else torch.arange(len(m)) == 0 for name, m in mask.items()}
    small = shrink(found, masked, some)
    error = apart(masked, small, example_of(net, data))
    if not error <= TOLERANCE:
        raise RuntimeError(f"The network without its pruned {noun} differs by {error:.1e}.")
    return small


def _rows(
    planned: Callable[..., Plan], net: nn.Module, data: Any, mask: Mapping[str, Tensor]
) -> list[dict[str, Any]]:
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
