"""Fully connected networks in a stack: each layer is one batched product for all of them.

What ``vmap`` and autograd make of them is the same, with more calls around it. Their slopes are a
few lines in closed form; gradients are written where those of the last step were, and activations
over what goes into them, so that little memory is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

NARROW = 16  # outputs: below, a product is faster with its factors exchanged
_aten = torch.ops.aten

# What may be written over what goes in: slopes that need only what comes out.
OVER: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: torch.relu_,
    nn.Tanh: torch.tanh_,
    nn.Sigmoid: torch.sigmoid_,
}
# The slope before an activation, of the one after it, what went in and what came out.
SLOPES: dict[type[nn.Module], Callable[[Any, Tensor, Tensor, Tensor], Tensor]] = {
    nn.ReLU: lambda _, slope, x, out: _aten.threshold_backward.grad_input(
        slope, out, 0, grad_input=slope
    ),
    nn.Tanh: lambda _, slope, x, out: _aten.tanh_backward(slope, out),
    nn.GELU: lambda gelu, slope, x, out: _aten.gelu_backward(
        slope, x, approximate=gelu.approximate
    ),
    nn.Sigmoid: lambda _, slope, x, out: _aten.sigmoid_backward(slope, out),
}


def fits(net: nn.Module) -> bool:
    """Whether a network is such a chain: linear layers that all learn, and activations."""
    return type(net) is nn.Sequential and all(map(_fits, net))


class Answers(NamedTuple):
    """What goes into each layer of a chain, and last what comes out: what the networks say."""

    layers: Sequence[tuple[nn.Module, Sequence[Tensor]]]
    passed: Sequence[Tensor]

    @torch.no_grad()
    def backward(self, slope: Tensor) -> None:
        """Leave the gradients in ``grad``, by the slope of the loss at the answers.

        The slope may be written over.
        """
        first = next(i for i, (_, own) in enumerate(self.layers) if own)
        for i in range(len(self.layers) - 1, first - 1, -1):
            (layer, own), x = self.layers[i], self.passed[i]
            if own:
                _gradients(own, x, slope)
                slope = torch.bmm(slope, own[0]) if i > first else slope
            else:
                slope = SLOPES[type(layer)](layer, slope, x, self.passed[i + 1])


@torch.no_grad()
def answers(net: nn.Module, parameters: Mapping[str, Tensor], x: Tensor) -> Answers:
    """What each network says of its examples; ``backward`` leaves the gradients in ``grad``."""
    layers: list[tuple[Any, Sequence[Tensor]]] = []
    passed = [x]
    for name, layer in net._modules.items():  # not named_children, which leaves out repetitions
        own: Sequence[Tensor] = ()
        if type(layer) is nn.Flatten:
            passed[-1] = passed[-1].flatten(2)
            continue
        if type(layer) is nn.Linear:
            own = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
            passed.append(_linear(passed[-1], *own))
        else:
            fresh = bool(layers and layers[-1][1])  # a product that nobody else needs
            over = OVER.get(type(layer)) if fresh else None  # type: ignore[arg-type]
            passed.append((over or layer)(passed[-1]))  # type: ignore[misc]
        layers.append((layer, own))
    return Answers(layers, passed)


def _fits(layer: nn.Module) -> bool:
    if type(layer) is nn.Flatten:
        return layer.start_dim == 1 and layer.end_dim == -1
    learns = all(p.requires_grad for p in layer.parameters())
    linear = type(layer) is nn.Linear and layer.bias is not None and learns
    return linear or type(layer) in SLOPES


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if bias.shape[1] < NARROW:
        return torch.baddbmm(bias.unsqueeze(2), weight, x.transpose(1, 2)).transpose(1, 2)
    return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))


def _gradients(own: Sequence[Tensor], x: Tensor, slope: Tensor) -> None:
    for values in own:
        if values.grad is None:
            values.grad = torch.empty_like(values)
    weight, bias = own
    torch.bmm(slope.transpose(1, 2), x, out=weight.grad)
    torch.sum(slope, 1, out=bias.grad)
