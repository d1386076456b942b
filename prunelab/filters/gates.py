"""What the loss would lose with a unit, to first order: gradients of gates on the outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from prunelab.masks import Scores
from prunelab.probes import NORMS, PRUNABLE, Batch, untouched
from prunelab.surgery import Member
from prunelab.units.filters import planned


def gate_gradients(net: nn.Module, data: Any, examples: Batch) -> Scores:
    """∂L/∂z of a gate z = 1 on each unit, by group; float64.

    A gate scales what a layer puts out, so its gradient is Σ p · ∂L/∂p over what is linear in it:
    γ and β of the normalisation of a group, or weights and bias of its layers where it has none.
    Gates of several layers add up. Batch normalisation sees the batch.
    """
    products = _products(net, examples)
    normal = _parameters_of(net, NORMS)
    plain = _parameters_of(net, PRUNABLE)
    found = {}
    for group in planned(net, data).classes:
        normed = [m for m in group.members if m.tensor in normal and m.tensor in products]
        found[group.name] = torch.zeros(group.size, dtype=torch.float64)
        for member in normed or [m for m in group.members if _puts_out(m, plain)]:
            each = products[member.tensor].movedim(member.dim, 0).flatten(1).sum(1).cpu()
            ours = member.units >= 0
            found[group.name].index_add_(0, member.units[ours], each[ours])
    return found


def _parameters_of(net: nn.Module, kinds: tuple[type[nn.Module], ...]) -> set[str]:
    return {
        f"{name}.{leaf}".removeprefix(".")
        for name, layer in net.named_modules()
        if isinstance(layer, kinds)
        for leaf, _ in layer.named_parameters(recurse=False)
    }


def _puts_out(member: Member, plain: set[str]) -> bool:
    """Whether it is the weight of a layer whose outputs the units are, or the bias of one."""
    bias = member.tensor in plain and member.tensor.endswith("bias")
    return bool(member.layer) or bias


def _products(net: nn.Module, examples: Batch) -> dict[str, Tensor]:
    """Each parameter times its gradient, from stand-ins: the network is left alone."""
    like = next(net.parameters())
    x, y = (t.to(like.device) for t in examples)
    x = x.to(like.dtype) if x.is_floating_point() else x
    leaves = {n: p.detach().clone().requires_grad_() for n, p in net.named_parameters()}
    buffers = {n: b.clone() for n, b in net.named_buffers()}
    with untouched(net):
        loss = cross_entropy(functional_call(net, {**leaves, **buffers}, (x,)), y)
        found = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    return {
        name: (leaf.detach() * g).double().unsqueeze(-1)
        for (name, leaf), g in zip(leaves.items(), found, strict=True)
    }
