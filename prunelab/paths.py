"""Paths of a masked network from input to output: how many, and which weights are on one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from prunelab.probes import NORMS, parameter_names, positive, weights


class Live(NamedTuple):
    """What a mask leaves open."""

    kept: dict[str, int]  # weights of each layer that stay
    live: dict[str, int]  # those of them on a path from the input to an output
    outputs: int  # outputs with a path
    of: int  # outputs there are
    paths: float  # how many paths; layers that average count parts of one


def live(net: nn.Module, shape: tuple[int, ...], cover: Mapping[str, Tensor]) -> Live:
    """Count the paths of a network whose parameters are covered by bool masks, by their names.

    Every weight that stays counts as one, so the sum of the outputs for an input of ones is the
    number of paths, and a weight lies on one where that sum depends on it.

    Raises:
        SpecError: a layer through which paths are not defined, such as attention.
    """
    out, found, on_path = _flow(net, shape, cover)
    reached = {name: int(on.sum()) for name, on in on_path.items()}
    kept = {name: int(w.gt(0).sum()) for name, w in found.items()}
    outputs, paths = int(out.gt(0).sum()), float(out.detach().sum())
    return Live(kept, reached, outputs, out.numel(), paths)


def alive(net: nn.Module, shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Which weights, by layer, are not zero and on a path from the input to an output.

    Raises:
        SpecError: a layer through which paths are not defined, such as attention.
    """
    names = parameter_names(net)
    return _flow(net, shape, {names[n]: w.detach() != 0 for n, w in weights(net).items()})[2]


def _flow(
    net: nn.Module, shape: tuple[int, ...], cover: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """The sums of paths at the outputs, the weights as 0 or 1, and which are on a path."""
    flow = _ones(net, cover)
    like = next(flow.parameters())
    found = weights(flow)
    out = flow(torch.ones(1, *shape, dtype=like.dtype, device=like.device))[0]
    slopes = torch.autograd.grad(out.sum(), list(found.values()), materialize_grads=True)
    on = {n: s.gt(0) & w.gt(0) for (n, w), s in zip(found.items(), slopes, strict=True)}
    return out, found, on


@torch.no_grad()
def _ones(net: nn.Module, cover: Mapping[str, Tensor]) -> nn.Module:
    """A copy that adds up paths: weights 0 or 1, no bias, no scaling, sums for maxima."""
    flow = positive(_summing(copy.deepcopy(net)))
    names = parameter_names(flow)
    for layer, weight in weights(flow).items():
        mask = cover.get(names[layer])
        weight.copy_(mask.to(weight) if mask is not None else torch.ones_like(weight))
    for module in flow.modules():
        if isinstance(module, NORMS):
            _transparent(module)
    return flow


def _transparent(norm: nn.modules.batchnorm._BatchNorm) -> None:
    if norm.affine:
        norm.weight.fill_(1.0)
    if norm.running_var is not None:
        norm.running_var.fill_(1.0 - norm.eps)


def _summing(net: nn.Module) -> nn.Module:
    """The larger of two inputs hides the paths of the other; their sum does not."""
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                size, step, pad = child.kernel_size, child.stride, child.padding
                pool = nn.AvgPool2d(size, step, pad, child.ceil_mode, divisor_override=1)
                setattr(module, name, pool)
    return net
