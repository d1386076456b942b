"""Networks that are chains of layers, in a stack: each layer is one product for all of them.

What ``vmap`` and autograd make of them is the same, with more calls around it: the slopes of a
layer are a few lines in closed form (``links``, ``windows``).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from prunelab import links, windows

LINKS = links.LINKS | windows.LINKS


def fits(net: nn.Module) -> bool:
    """Whether a network is such a chain, of layers that are known here and all learn."""
    learns = all(p.requires_grad for p in net.parameters())
    return type(net) is nn.Sequential and learns and all(map(_fits, net))


class Chain:
    """The layers of all networks, over their stacked parameters."""

    def __init__(self, net: nn.Module, parameters: Mapping[str, Tensor]) -> None:
        self.links: list[links.Link] = []
        self.images = images = any(type(layer) in windows.LINKS for layer in net.modules())
        for name, layer in net._modules.items():  # not named_children, which leaves out repetitions
            if layer is None:
                continue
            own = [parameters[f"{name}.{which}"] for which, _ in layer.named_parameters()]
            fresh = bool(self.links and self.links[-1].own)  # a product that nobody else needs
            link = LINKS[type(layer)](layer, own, fresh)
            link.images, link.deep = images, any(before.own for before in self.links)
            images = images and type(layer) is not nn.Flatten
            self.links.append(link)
        self.first = next(i for i, link in enumerate(self.links) if link.own)

    @torch.no_grad()
    def answers(self, x: Tensor) -> Tensor:
        """What each network, a row, says of its examples; ``backward`` is of the last ones.

        Args:
            x: (networks, examples, ...).
        """
        if self.images:  # examples come last: rows of them are longer than those of channels
            x = x.movedim(1, -1).contiguous()
        for link in self.links:
            x = link.forward(x)
        return x

    @torch.no_grad()
    def backward(self, slope: Tensor) -> None:
        """Leave the gradients in ``grad``, by the slope of the loss at the answers.

        The slope may be written over.
        """
        for link in reversed(self.links[self.first :]):
            slope = link.backward(slope)


def _fits(layer: nn.Module) -> bool:
    return type(layer) in LINKS and LINKS[type(layer)].fits(layer)
