"""How strongly each column of a layer is used: the norm of what arrives there over all tokens."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.filters.maps import evaluating
from prunelab.filters.readers import readers
from prunelab.surgery import Class

BATCH = 64


class Norms:
    """Sums of squares of what layers read and put out, by channel; norms are their roots."""

    def __init__(self) -> None:
        self.read: dict[str, Tensor] = {}
        self.put: dict[str, Tensor] = {}

    def incoming(self, layer: str) -> Tensor:
        """‖what arrives‖₂ of each input of a layer; float64."""
        return self.read[layer].sqrt()

    def outgoing(self, layer: str) -> Tensor:
        """‖what leaves‖₂ of each output of a layer, before its activation; float64."""
        return self.put[layer].sqrt()


@torch.no_grad()
def norms(net: nn.Module, x: Tensor, layers: Collection[str]) -> Norms:
    """Run a network on inputs and note the norms at some linear and convolutional layers."""
    found = Norms()

    def noting(name: str) -> Any:
        def note(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            for kept, t in ((found.read, given[0]), (found.put, out)):
                squares = _squares(layer, t)
                kept[name] = kept[name] + squares if name in kept else squares

        return note

    hooks = [net.get_submodule(name).register_forward_hook(noting(name)) for name in layers]
    try:
        with evaluating(net):
            for some in torch.split(x, BATCH):
                net(some)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def used(net: nn.Module, group: Class, found: Norms) -> Tensor:
    """‖what arrives‖₂ of each unit of a group, over all layers that read it; float64."""
    total = torch.zeros(group.size, dtype=torch.float64)
    for layer, units in readers(net, group):
        if layer in found.read:
            total.index_add_(0, units[units >= 0], found.read[layer].cpu()[units >= 0])
    return total.sqrt()


def _squares(layer: nn.Module, t: Tensor) -> Tensor:
    channels = t.movedim(-1, 0) if isinstance(layer, nn.Linear) else t.movedim(1, 0)
    return channels.flatten(1).double().square().sum(1)
