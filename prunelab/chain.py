"""Fully connected networks in a stack: each layer is one batched product for all of them.

What ``vmap`` makes of them is the same, with more calls around it; and here gradients are written
where those of the last step were, so that no memory is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

PLAIN = (nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid)


def fits(net: nn.Module) -> bool:
    """Whether a network is such a chain: linear layers that all learn, and activations."""
    return type(net) is nn.Sequential and all(map(_fits, net))


def answers(net: nn.Module, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """What each network says of its examples; ``backward`` leaves the gradients in ``grad``."""
    for name in net._modules:  # not named_children, which leaves out what comes again
        layer = net.get_submodule(name)
        if type(layer) is nn.Linear:
            own = (parameters[f"{name}.weight"], parameters[f"{name}.bias"])
            x = _Linear.apply(x, *own)  # type: ignore[no-untyped-call]
        else:
            x = x.flatten(2) if type(layer) is nn.Flatten else layer(x)
    return x


def _fits(layer: nn.Module) -> bool:
    if type(layer) is nn.Flatten:
        return layer.start_dim == 1 and layer.end_dim == -1
    learns = all(p.requires_grad for p in layer.parameters())
    linear = type(layer) is nn.Linear and layer.bias is not None and learns
    return linear or type(layer) in PLAIN


class _Linear(torch.autograd.Function):
    """A linear layer of every network; the gradients of its values are written in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.own = weight, bias
        return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, None, None]:
        (x,), (weight, bias) = ctx.saved_tensors, ctx.own
        for own in ctx.own:
            if own.grad is None:
                own.grad = torch.empty_like(own)
        torch.bmm(slope.transpose(1, 2), x, out=weight.grad)
        torch.sum(slope, 1, out=bias.grad)
        return torch.bmm(slope, weight) if ctx.needs_input_grad[0] else None, None, None
