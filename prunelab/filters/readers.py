"""The layers that read what units put out: which of their columns belong to which unit."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from prunelab.probes import PRUNABLE
from prunelab.surgery import Class


class Reader(NamedTuple):
    """A layer, and the unit each column of its weight reads (-1: none of this group)."""

    layer: str
    units: Tensor


def readers(net: nn.Module, group: Class) -> list[Reader]:
    """The linear and ungrouped convolutional layers that read the units of a group."""
    found = []
    for member in group.members:
        name, _, leaf = member.tensor.rpartition(".")
        if leaf == "weight" and member.dim == 1:
            layer: Any = net.get_submodule(name)
            if isinstance(layer, PRUNABLE) and getattr(layer, "groups", 1) == 1:
                found.append(Reader(name, member.units))
    return found
