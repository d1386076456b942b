"""Dead neurons: those that masks have left without inputs or without outputs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from prunelab.probes import NORMS
from prunelab.spec import SpecError

ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Identity)
POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
ASIDE = (nn.Dropout, nn.Dropout2d, nn.Flatten)  # a constant passes them as it is


@dataclass(frozen=True)
class Link:
    """Two layers that follow each other; neurons, or filters, of the first are read by the second.

    ``between`` is what a constant goes through on its way.
    """

    here: nn.Linear | nn.Conv2d
    between: tuple[nn.Module, ...]
    after: nn.Linear | nn.Conv2d

    @property
    def reads(self) -> Tensor:
        """The weights of the second layer as (outputs, neurons of the first, weights each)."""
        return self.after.weight.flatten(1).reshape(
            len(self.after.weight), len(self.here.weight), -1
        )

    @property
    def hears(self) -> Tensor:
        """Whether a neuron of the first layer has inputs."""
        return self.here.weight.flatten(1).any(1)


@torch.no_grad()
def fold_dead(net: nn.Module) -> nn.Sequential:
    """A copy of a chain of layers in which dead neurons and filters have no weight left.

    The outputs (in evaluation mode) stay the same. A neuron without inputs always says φ(b), which
    moves into the biases of the next layer before its outgoing weights become zero (Han et al.
    2015, §3.5, where retraining does it). A neuron without outputs loses its incoming weights. What
    one removal kills is removed too. A filter whose constant is not zero stays where zeros are
    padded around it: there the next layer would see an edge.

    Raises:
        SpecError: a network that is no chain of linear and convolutional layers with elementwise
            activations, pooling and batch normalisation, such as one with shortcuts; or a layer
            without a bias to fold into.
    """
    folded = copy.deepcopy(net).eval()
    links = chain(folded)
    changed = True
    while changed:
        changed = any([_fold(link) for link in links])  # noqa: C419 - every link, not up to one
    assert isinstance(folded, nn.Sequential)
    return folded


@torch.no_grad()
def without_dead(net: nn.Module) -> nn.Sequential:
    """A smaller network with the same outputs: ``fold_dead``, then shapes without what is dead.

    Raises:
        SpecError: as ``fold_dead``.
    """
    small = fold_dead(net)
    for link in chain(small):
        stays = link.hears | link.reads.any(2).any(0)
        stays[0] |= not stays.any()  # a layer of no neurons is none
        _cut(link, stays)
    return small


def chain(net: nn.Module) -> list[Link]:
    """The layers of a network in order, two and two.

    Raises:
        SpecError: as ``fold_dead``.
    """
    modules = list(net) if isinstance(net, nn.Sequential) else [net]
    places = [i for i, m in enumerate(modules) if isinstance(m, (nn.Linear, nn.Conv2d))]
    odd = [m for m in modules if not _plain(m)]
    if odd or len(places) < 2:
        what = type(odd[0]).__name__ if odd else "fewer than two layers"
        raise SpecError(
            f"Dead neurons can be folded in a chain of linear and convolutional layers; found "
            f"{what}."
        )
    return [Link(modules[a], tuple(modules[a + 1 : b]), modules[b]) for a, b in pairwise(places)]  # type: ignore[arg-type]


def _plain(module: nn.Module) -> bool:
    """Whether a constant goes through a module as a constant, or it is a layer of the chain."""
    if isinstance(module, nn.Conv2d):
        return module.groups == 1
    if isinstance(module, nn.AvgPool2d):
        return module.padding in (0, (0, 0)) or not module.count_include_pad
    if isinstance(module, NORMS):
        return module.running_mean is not None
    return isinstance(module, (nn.Linear, *ELEMENTWISE, *POOLS, *ASIDE))


def _fold(link: Link) -> bool:
    """Fold the dead neurons between two layers; whether there were any."""
    reads, hears, after = link.reads.clone(), link.hears, link.after
    read = reads.any(2).any(0)
    says = _constant(link)
    mute = hears & ~read
    deaf = ~hears & read
    if _edged(after):
        deaf &= says == 0
    if deaf.any() and after.bias is None:
        raise SpecError(f"A layer of {len(after.weight)} neurons has no bias to fold into.")
    if deaf.any():
        assert after.bias is not None
        after.bias.add_(reads.sum(2)[:, deaf] @ says[deaf])
        reads[:, deaf] = 0.0
        after.weight.copy_(reads.reshape(after.weight.shape))
    link.here.weight[mute] = 0.0
    if link.here.bias is not None:
        link.here.bias[mute | deaf] = 0.0
    return bool(deaf.any() or mute.any())


def _edged(layer: nn.Module) -> bool:
    """Whether a layer pads what it reads with zeros."""
    if not isinstance(layer, nn.Conv2d) or layer.padding_mode != "zeros":
        return False
    return layer.padding not in (0, (0, 0), "valid")


def _constant(link: Link) -> Tensor:
    """What neurons without inputs say, as the next layer reads it."""
    here = link.here
    zero = here.weight.new_zeros(len(here.weight))
    value = (zero if here.bias is None else here.bias.clone()).reshape(
        1, -1, *[1] * (here.weight.ndim - 2)
    )
    for module in link.between:
        if isinstance(module, nn.Flatten):
            value = value.flatten(1)
        elif isinstance(module, (*ELEMENTWISE, *NORMS)):
            value = module(value)
    return value.flatten()


def _cut(link: Link, stays: Tensor) -> None:
    """Leave out neurons of the first layer: their rows, their norms, and the columns they fill."""
    here, after = link.here, link.after
    columns = link.reads[:, stays]
    here.weight = nn.Parameter(here.weight[stays])
    if here.bias is not None:
        here.bias = nn.Parameter(here.bias[stays])
    for module in link.between:
        if isinstance(module, NORMS):
            _cut_norm(module, stays)
    if isinstance(after, nn.Linear):
        after.weight = nn.Parameter(columns.flatten(1))
        after.in_features = after.weight.shape[1]
    else:
        after.weight = nn.Parameter(columns.reshape(len(columns), -1, *after.weight.shape[2:]))
        after.in_channels = after.weight.shape[1]
    count = int(stays.sum())
    if isinstance(here, nn.Linear):
        here.out_features = count
    else:
        here.out_channels = count


def _cut_norm(norm: nn.modules.batchnorm._BatchNorm, stays: Tensor) -> None:
    norm.num_features = int(stays.sum())
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean, norm.running_var = norm.running_mean[stays], norm.running_var[stays]
    if norm.affine:
        norm.weight = nn.Parameter(norm.weight[stays])
        norm.bias = nn.Parameter(norm.bias[stays])
