"""The length of the gradient that each single example gives, all at once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from prunelab.parts import Part
from prunelab.training import tensors

BATCH = 1024  # rows in one closed-form pass
CHUNK = 64  # rows whose whole gradients are held at once


def gradient_norms(net: nn.Module, part: Part) -> NDArray[np.float64]:
    """‖∇_w loss‖₂ of each row, over all parameters, in evaluation mode; float64 (rows,)."""
    x, y = tensors(part, next(net.parameters()).device)
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        linear = _linear_only(net)
        of_batch = _closed if linear else _one_by_one
        size = BATCH if linear else CHUNK
        found = [
            of_batch(net, a, b)
            for a, b in zip(torch.split(x, size), torch.split(y, size), strict=True)
        ]
    finally:
        for module, mode in modes.items():
            module.training = mode
    norms: NDArray[np.float64] = torch.cat(found).double().sqrt().cpu().numpy()
    return norms


def _linear_only(net: nn.Module) -> bool:
    """Whether every parameter belongs to a linear layer that is used on its own."""
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)]
    own = {id(p) for layer in layers for p in layer.parameters()}
    return own == {id(p) for p in net.parameters()} and len(own) == sum(
        len(list(layer.parameters())) for layer in layers
    )


def _closed(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Squared lengths: the outer product δaᵀ of a row is as long as δ times a."""
    seen: list[tuple[Tensor, Tensor, bool]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((inputs[0].detach(), output, layer.bias is not None))

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, nn.Linear)]
    try:
        with torch.enable_grad():
            loss = cross_entropy(net(x), y, reduction="sum")
            deltas = torch.autograd.grad(loss, [output for _, output, _ in seen])
    finally:
        for hook in hooks:
            hook.remove()
    if any(a.dim() != 2 for a, _, _ in seen):  # a layer applied along a sequence
        return _one_by_one(net, x, y)
    total = torch.zeros(len(x), device=x.device)
    for (a, _, bias), delta in zip(seen, deltas, strict=True):
        total += delta.square().sum(1) * (a.square().sum(1) + float(bias))
    return total


def _one_by_one(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Squared lengths of whole gradients, a few rows at once."""
    values = {name: p.detach() for name, p in net.named_parameters()}
    buffers = dict(net.named_buffers())

    def loss(at: dict[str, Tensor], row: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(functional_call(net, (at, buffers), (row[None],)), label[None])

    of_rows = vmap(grad(loss), (None, 0, 0))
    chunks = zip(torch.split(x, CHUNK), torch.split(y, CHUNK), strict=True)
    return torch.cat([_squares(of_rows(values, a, b)) for a, b in chunks])


def _squares(gradients: dict[str, Tensor]) -> Tensor:
    return torch.stack([g.flatten(1).square().sum(1) for g in gradients.values()]).sum(0)
