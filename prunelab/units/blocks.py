"""Residual modules as units: blocks of a ResNet, attention and feed-forward of a transformer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from prunelab.registry import Unit, unit
from prunelab.surgery import TOLERANCE, apart, zero
from prunelab.surgery.branches import branches, without
from prunelab.units.planning import example_of

GROUP = "blocks"
_FOUND: WeakKeyDictionary[nn.Module, tuple[tuple[str, ...], dict[str, bool]]] = WeakKeyDictionary()


@unit(needs={"network", "residual network"}, noun="blocks", structured=True)
def blocks() -> Unit:
    """Whole residual modules, each of which adds something to the stream that passes it."""
    return Unit(shapes=_shapes, keep=_keep, rows=_rows, cover=_cover)


def residuals(net: nn.Module, data: Any) -> dict[str, bool]:
    """The residual modules in order, and whether what they answer is added to the stream.

    Found once for a network whose modules stay.

    Raises:
        ValueError: no data to run the network on, or it has none.
    """
    signature = tuple(name for name, _ in net.named_parameters())
    known = _FOUND.get(net)
    if known is None or known[0] != signature:
        known = _FOUND[net] = (signature, branches(net, example_of(net, data)))
    if not known[1]:
        raise ValueError("This network has no residual modules that can be removed.")
    return known[1]


def _shapes(net: nn.Module, data: Any) -> dict[str, tuple[int, ...]]:
    return {GROUP: (len(residuals(net, data)),)}


def _cover(net: nn.Module, data: Any, mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All parameters of a module that goes are zero, so that it adds nothing."""
    return {
        f"{name}.{leaf}": torch.full_like(parameter, bool(stays), dtype=torch.bool)
        for name, stays in zip(residuals(net, data), mask[GROUP].tolist(), strict=True)
        for leaf, parameter in net.get_submodule(name).named_parameters()
    }


def _keep(net: nn.Module, data: Any, mask: Mapping[str, Tensor]) -> nn.Module:
    """Each removal is checked against the network with zeros instead."""
    found, example = residuals(net, data), example_of(net, data)
    gone = [name for name, stays in zip(found, mask[GROUP].tolist(), strict=True) if not stays]
    small, masked = without(net, example, gone), copy.deepcopy(net)
    zero(masked, _cover(net, data, mask))
    error = apart(masked, small, example)
    if not error <= TOLERANCE:
        raise RuntimeError(f"The network without its pruned blocks differs by {error:.1e}.")
    return small


def _rows(net: nn.Module, data: Any, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": [sum(p.numel() for p in net.get_submodule(name).parameters())],
            "units": 1,
            "kept": int(stays),
        }
        for name, stays in zip(residuals(net, data), mask[GROUP].tolist(), strict=True)
    ]
