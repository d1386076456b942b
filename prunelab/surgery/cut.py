"""Removes units for real: every tensor that holds them becomes smaller, and layers know it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

Indices = dict[str, list[list[int] | None]]


@dataclass(frozen=True, eq=False)
class Member:
    """One axis in which the units of a class lie.

    ``tensor`` is a parameter or buffer, or the number of groups of a convolution. ``units`` gives
    the unit of each position, int64, -1 where it holds none of this class. ``layer`` is the layer
    whose outputs lie along this axis of its weight, if they do.
    """

    tensor: str
    dim: int
    units: Tensor
    layer: str = ""


@dataclass(frozen=True, eq=False)
class Class:
    """Units that lie in the same axes, so that each goes from all of them at once.

    Named by the first of its ``producers``: the layers whose outputs they are.
    """

    name: str
    size: int
    members: tuple[Member, ...]

    @property
    def producers(self) -> tuple[str, ...]:
        """The layers whose outputs the units are, in the order they run."""
        return tuple(member.layer for member in self.members if member.layer)


def cover(
    classes: Sequence[Class], net: nn.Module, masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """By parameter name what of it stays: rows, biases, normalisation and the columns that read it.

    With the rest zero a network computes, and learns, what the small network would.
    """
    covered = {}
    kept = _kept(classes, masks)
    for name, parameter in net.named_parameters():
        dims = {dim: keep for (tensor, dim), keep in kept.items() if tensor == name}
        if dims:
            covered[name] = _outer(parameter, dims)
    return covered


def keep_indices(classes: Sequence[Class], masks: Mapping[str, Tensor]) -> Indices:
    """Plain data to make a small network of the large one: by tensor, by dimension, what stays.

    None stands for a dimension that stays whole.
    """
    indices: Indices = {}
    for (name, dim), keep in _kept(classes, masks).items():
        if not keep.all():
            dims = indices.setdefault(name, [])
            dims += [None] * (dim + 1 - len(dims))
            dims[dim] = keep.nonzero().flatten().tolist()
    return indices


def apply_indices(
    net: nn.Module, indices: Mapping[str, Sequence[Sequence[int] | None]]
) -> nn.Module:
    """A copy of a network of which only what ``keep_indices`` names is left.

    Tied tensors stay tied; what requires a gradient still does; training or evaluation mode stays.

    Raises:
        ValueError: a name the network does not have, or an index that is too large.
    """
    small = copy.deepcopy(net)
    tensors = {**dict(small.named_parameters()), **dict(small.named_buffers())}
    smaller: dict[int, Tensor] = {}
    for name, dims in indices.items():
        owner, _, leaf = name.rpartition(".")
        if leaf == "groups" and name not in tensors:
            layer: Any = _layer(small, owner)
            layer.groups = len(dims[0] or ())
        elif name in tensors:
            smaller[id(tensors[name])] = _select(name, tensors[name], dims)
        else:
            raise ValueError(f"The network has no {name!r}; the indices are of another network.")
    for layer in small.modules():
        _exchange(layer, smaller)
    return small


def _kept(classes: Sequence[Class], masks: Mapping[str, Tensor]) -> dict[tuple[str, int], Tensor]:
    """By tensor and dimension the positions that stay."""
    _check(classes, masks)
    kept: dict[tuple[str, int], Tensor] = {}
    for one in classes:
        if one.name not in masks:
            continue
        mask = masks[one.name].cpu()
        for member in one.members:
            stays = (member.units < 0) | mask[member.units.clamp(min=0)]
            place = (member.tensor, member.dim)
            kept[place] = kept[place] & stays if place in kept else stays
    return kept


def _check(classes: Sequence[Class], masks: Mapping[str, Tensor]) -> None:
    sizes = {one.name: one.size for one in classes}
    for name, mask in masks.items():
        if name not in sizes:
            raise ValueError(f"There is no class {name!r}; there are: {', '.join(sizes)}.")
        if mask.dtype != torch.bool or mask.shape != (sizes[name],):
            raise ValueError(
                f"The mask of {name} must be {sizes[name]} bools, "
                f"got {mask.dtype} of shape {tuple(mask.shape)}."
            )
        if not mask.any():
            raise ValueError(
                f"The mask of {name} must keep at least one of {len(mask)} units; "
                f"ask for a lower sparsity."
            )


def _outer(parameter: Tensor, dims: Mapping[int, Tensor]) -> Tensor:
    covered = torch.ones(parameter.shape, dtype=torch.bool, device=parameter.device)
    for dim, keep in dims.items():
        shape = [-1 if d == dim else 1 for d in range(parameter.ndim)]
        covered &= keep.to(parameter.device).view(shape)
    return covered


def _select(name: str, tensor: Tensor, dims: Sequence[Sequence[int] | None]) -> Tensor:
    small = tensor.detach()
    for dim, kept in enumerate(dims):
        if kept is None:
            continue
        if not kept or max(kept) >= tensor.shape[dim]:
            raise ValueError(
                f"The indices of {name} must be among its {tensor.shape[dim]} positions in "
                f"dimension {dim}; they are of another network."
            )
        small = small.index_select(dim, torch.tensor(kept, device=tensor.device))
    if not isinstance(tensor, nn.Parameter):
        return small
    return nn.Parameter(small, requires_grad=tensor.requires_grad)


def _exchange(layer: nn.Module, smaller: Mapping[int, Tensor]) -> None:
    changed = False
    for own in (layer._parameters, layer._buffers):
        for name, tensor in own.items():
            if id(tensor) in smaller:
                own[name] = smaller[id(tensor)]  # type: ignore[assignment]
                changed = True
    if changed:
        _describe(layer)


def _describe(layer: Any) -> None:
    """The sizes a layer says it has, after those of its tensors."""
    match layer:
        case nn.Linear():
            layer.out_features, layer.in_features = layer.weight.shape
        case _ConvNd():
            one, other = layer.weight.shape[:2]
            outs, ins = (other, one) if layer.transposed else (one, other)
            layer.out_channels = outs * (layer.groups if layer.transposed else 1)
            layer.in_channels = ins * (1 if layer.transposed else layer.groups)
        case _NormBase():
            known = layer.weight if layer.weight is not None else layer.running_mean
            layer.num_features = len(known)
        case nn.Embedding():
            layer.num_embeddings, layer.embedding_dim = layer.weight.shape
        case nn.PReLU():
            layer.num_parameters = len(layer.weight)


def _layer(net: nn.Module, name: str) -> nn.Module:
    try:
        return net.get_submodule(name)
    except AttributeError:
        raise ValueError(
            f"The network has no {name!r}; the indices are of another network."
        ) from None
