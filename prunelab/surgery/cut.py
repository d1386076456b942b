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

from prunelab.surgery.adapters import Heads, adapt
from prunelab.surgery.copies import light, state

TRANSPOSED = "Conv1D"  # the linear layer of GPT-2 in transformers, whose weight is (in, out)
SUMMED = "all its positions are summed or averaged"  # a doubt that zeros may not deserve
Indices = dict[str, list[list[int] | None]]


@dataclass(frozen=True, eq=False)
class Member:
    """One axis in which the units of a class lie.

    ``tensor`` is a parameter or buffer, or a whole number that a module keeps, such as of groups
    or heads. ``units`` gives the unit of each position, int64, -1 where it holds none of this
    class. ``layer`` is the layer whose outputs lie along this axis of its weight, if they do; a
    parameter that belongs to no such layer has its own name there. ``guess`` marks a number that
    perhaps has this size only by accident.
    """

    tensor: str
    dim: int
    units: Tensor
    layer: str = ""
    guess: bool = False


@dataclass(frozen=True, eq=False)
class Class:
    """Units that lie in the same axes, so that each goes from all of them at once.

    Named by the first of its ``producers``: the layers whose outputs they are. ``doubt`` is why the
    answers would change without some of them, if they would. ``heads``: positions are compared for
    each of them apart, as for the heads of attention.
    """

    name: str
    size: int
    members: tuple[Member, ...]
    doubt: str = ""
    heads: bool = False

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
    places = kept(classes, masks)
    for name, parameter in net.named_parameters():
        dims = {dim: keep for (tensor, dim), keep in places.items() if tensor == name}
        if dims:
            covered[name] = _outer(parameter, dims)
    return covered


@torch.no_grad()
def zero(net: nn.Module, covered: Mapping[str, Tensor]) -> None:
    """Set what is covered to zero, in place."""
    parameters = dict(net.named_parameters())
    for name, mask in covered.items():
        parameters[name].masked_fill_(~mask, 0.0)


def keep_indices(classes: Sequence[Class], masks: Mapping[str, Tensor]) -> Indices:
    """Plain data to make a small network of the large one: by tensor, by dimension, what stays.

    None stands for a dimension that stays whole.
    """
    indices: Indices = {}
    places = kept(classes, masks)
    _check_some(masks)
    for (name, dim), keep in places.items():
        if not keep.all():
            dims = indices.setdefault(name, [])
            dims += [None] * (dim + 1 - len(dims))
            dims[dim] = keep.nonzero().flatten().tolist()
    return indices


def apply_indices(
    net: nn.Module, indices: Mapping[str, Sequence[Sequence[int] | None]], *, share: bool = False
) -> nn.Module:
    """A copy of a network of which only what ``keep_indices`` names is left.

    Tied tensors stay tied; what requires a gradient still does; training or evaluation mode stays.
    With ``share`` it has the parameters that stay whole in common with the network.

    Raises:
        ValueError: a name the network does not have, or an index that is too large.
    """
    tensors = dict(state(net))
    smaller: dict[int, Tensor] = {}
    numbers: dict[tuple[str, str], int] = {}
    for name, dims in indices.items():
        owner, _, leaf = name.rpartition(".")
        if name in tensors:
            smaller[id(tensors[name])] = select(name, tensors[name], dims)
        elif _keeps(net, owner, leaf):
            numbers[owner, leaf] = len(next(filter(None, dims), ()))
        else:
            raise ValueError(f"The network has no {name!r}; the indices are of another network.")
    small = light(net, smaller) if share else copy.deepcopy(net, dict(smaller))
    adapt(small)
    for (owner, leaf), number in numbers.items():
        setattr(small.get_submodule(owner), leaf, number)
    changed = {id(tensor) for tensor in smaller.values()}
    for layer in small.modules():
        if any(id(t) in changed for t in (*layer._parameters.values(), *layer._buffers.values())):
            describe(layer)
    return small


def kept(classes: Sequence[Class], masks: Mapping[str, Tensor]) -> dict[tuple[str, int], Tensor]:
    """By tensor and dimension the positions that stay."""
    _check(classes, masks)
    stays: dict[tuple[str, int], Tensor] = {}
    for one in classes:
        if one.name not in masks:
            continue
        mask = masks[one.name].cpu()
        for member in one.members:
            ours = (member.units < 0) | mask[member.units.clamp(min=0)]
            place = (member.tensor, member.dim)
            stays[place] = stays[place] & ours if place in stays else ours
    return stays


def zeros(
    classes: Sequence[Class], net: nn.Module, masks: Mapping[str, Tensor]
) -> dict[int, Tensor]:
    """By the id of a parameter what it is with zeros where ``cover`` is False."""
    parameters = dict(net.named_parameters())
    zeroed: dict[int, Tensor] = {}
    for (name, dim), keep in kept(classes, masks).items():
        if name in parameters:
            own = parameters[name]
            gone = (~keep).nonzero().flatten().to(own.device)
            held = zeroed[id(own)] if id(own) in zeroed else own.detach().clone()
            zeroed[id(own)] = held.index_fill_(dim, gone, 0.0)
    return {key: nn.Parameter(held, requires_grad=False) for key, held in zeroed.items()}


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


def _check_some(masks: Mapping[str, Tensor]) -> None:
    for name, mask in masks.items():
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


def select(name: str, tensor: Tensor, dims: Sequence[Sequence[int] | None]) -> Tensor:
    """What of a tensor stays, by dimension; a parameter stays one.

    Raises:
        ValueError: an index that is too large, or none.
    """
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


def describe(layer: Any) -> None:
    """The sizes a layer says it has, after those of its tensors."""
    match layer:
        case nn.Linear():
            layer.out_features, layer.in_features = layer.weight.shape
        case _ConvNd():
            _describe_convolution(layer)
        case nn.Embedding():
            layer.num_embeddings, layer.embedding_dim = layer.weight.shape
        case nn.PReLU():
            layer.num_parameters = len(layer.weight)
        case _ if type(layer).__name__ == TRANSPOSED:
            layer.nx, layer.nf = layer.weight.shape
        case Heads():
            layer.num_heads = layer.out_proj.weight.shape[1] // layer.head_dim
        case _:
            _describe_norm(layer)


def _describe_convolution(layer: Any) -> None:
    one, other = layer.weight.shape[:2]
    outs, ins = (other, one) if layer.transposed else (one, other)
    layer.out_channels = outs * (layer.groups if layer.transposed else 1)
    layer.in_channels = ins * (1 if layer.transposed else layer.groups)


def _describe_norm(layer: Any) -> None:
    match layer:
        case _NormBase():
            known = layer.weight if layer.weight is not None else layer.running_mean
            layer.num_features = len(known)
        case nn.LayerNorm() | nn.RMSNorm():
            layer.normalized_shape = tuple(layer.weight.shape)
        case nn.GroupNorm():
            layer.num_channels = len(layer.weight)


def _keeps(net: nn.Module, owner: str, leaf: str) -> bool:
    """Whether a module of this name keeps a whole number of that name."""
    layer: Any = dict(net.named_modules()).get(owner)
    return type(getattr(layer, leaf, None)) is int
