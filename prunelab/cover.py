"""What stays zero in a network while it trains: weights and all the optimiser remembers of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass
class Cover:
    """What stays zero in a network while it trains, and the sparsity that means.

    ``parameters`` maps parameter names to bool masks (True stays); the training loop reads it at
    every step, so a method that prunes while training replaces it. ``latent``: what is covered
    keeps its stored value, only the forward pass sees zero there.
    """

    parameters: Mapping[str, Tensor]
    sparsity: float = 0.0
    layers: Mapping[str, float] | None = None
    latent: bool = False
    _bits: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def seen(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the forward pass of a latent cover sees; the bits of a mask are made once."""
        found = {}
        for name, mask in self.parameters.items():
            values = parameters[name].detach()
            if name not in self._bits or self._bits[name][0] is not mask:
                self._bits[name] = mask, bits(mask, values)
            keep = self._bits[name][1]
            found[name] = values.view(keep.dtype).bitwise_and(keep).view(values.dtype)
        return found


def bits(mask: Tensor, like: Tensor) -> Tensor:
    """All the bits of a number where the mask is True, and none where it is False."""
    return mask.to(like.device, INTEGERS[like.element_size()]).neg_()


@torch.no_grad()
def blank(mask: Tensor, *tensors: Tensor) -> None:
    """Zero tensors of one dtype in place where the mask is False, also NaN and -0.0.

    By the bits of the numbers: what ``masked_fill_`` does, at a tenth of its time. The bits of the
    mask will do as well, where it is used again and again.
    """
    keep = bits(mask, tensors[0]) if mask.dtype == torch.bool else mask
    for values in tensors:
        values.view(keep.dtype).bitwise_and_(keep)


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """A copy that is zero where the mask is False; without gradient."""
    copy = values.detach().clone()
    blank(mask, copy)
    return copy


@torch.no_grad()
def apply(net: nn.Module, cover: Cover, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Zero what is covered: the weights and every optimiser state of their shape.

    Masking gradients alone is not enough: momentum and Adam's averages move a pruned weight on.
    Latent weights are left alone.
    """
    if cover.latent:
        return
    parameters = dict(net.named_parameters())
    for name, mask in cover.parameters.items():
        parameter = parameters[name]
        state = optimizer.state.get(parameter, {}) if optimizer else {}
        beside = [t for t in state.values() if torch.is_tensor(t) and t.shape == parameter.shape]
        blank(mask, parameter, *beside)


def mask_gradients(net: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Zero the gradients of what is covered."""
    parameters = dict(net.named_parameters())
    for name, mask in masks.items():
        if (gradient := parameters[name].grad) is not None:
            blank(mask, gradient)


@contextmanager
def standing_in(net: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, parameters have other values, so gradients are those of a network that has them."""
    parameters = dict(net.named_parameters())
    held = {name: parameters[name].data for name in values}
    for name, tensor in values.items():
        parameters[name].data = tensor
    try:
        yield
    finally:
        for name, tensor in held.items():
            parameters[name].data = tensor


def zeros_kept(net: nn.Module, cover: Cover) -> bool:
    """Whether every covered weight is exactly zero."""
    parameters = dict(net.named_parameters())
    return not any(((parameters[n] != 0) > m).any() for n, m in cover.parameters.items())
