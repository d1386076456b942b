"""Dead neurons: those that masks have left without inputs or without outputs."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn

from prunelab.spec import SpecError

BETWEEN = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Identity, nn.Dropout)


@torch.no_grad()
def fold_dead(net: nn.Sequential) -> nn.Sequential:
    """A copy of a multilayer perceptron in which dead neurons have no weight left; same outputs.

    A neuron without inputs always says φ(b), which moves into the biases of the next layer before
    its outgoing weights become zero (Han et al. 2015, §3.5, where retraining does it). A neuron
    without outputs loses its incoming weights. What one removal kills is removed too.

    Raises:
        SpecError: a network that is no chain of linear layers with elementwise activations, or a
            layer without a bias to fold into.
    """
    folded = copy.deepcopy(net)
    chain = _chain(folded)
    changed = True
    while changed:
        changed = any([_fold(*pair) for pair in chain])  # noqa: C419 - every pair, not up to one
    return folded


def _chain(net: nn.Sequential) -> list[tuple[nn.Linear, list[nn.Module], nn.Linear]]:
    layers = [m for m in net if not isinstance(m, nn.Flatten)]
    places = [i for i, m in enumerate(layers) if isinstance(m, nn.Linear)]
    odd = [m for m in layers if not isinstance(m, (nn.Linear, *BETWEEN))]
    if odd or len(places) < 2:
        what = type(odd[0]).__name__ if odd else "fewer than two linear layers"
        raise SpecError(f"Dead neurons can be folded in a chain of linear layers; found {what}.")
    return [
        (_linear(layers[a]), layers[a + 1 : b], _linear(layers[b])) for a, b in pairwise(places)
    ]


def _linear(module: nn.Module) -> nn.Linear:
    assert isinstance(module, nn.Linear)
    return module


def _fold(here: nn.Linear, between: list[nn.Module], after: nn.Linear) -> bool:
    """Fold the dead neurons between two layers; whether there were any."""
    deaf = ~here.weight.any(1) & after.weight.any(0)
    mute = here.weight.any(1) & ~after.weight.any(0)
    if deaf.any() and after.bias is None:
        raise SpecError(f"A layer of {after.out_features} neurons has no bias to fold into.")
    if deaf.any():
        after.bias.add_(after.weight[:, deaf] @ _constant(here, between)[deaf])
        after.weight[:, deaf] = 0.0
    here.weight[mute] = 0.0
    if here.bias is not None:
        here.bias[mute | deaf] = 0.0
    return bool(deaf.any() or mute.any())


def _constant(here: nn.Linear, between: list[nn.Module]) -> Tensor:
    """What neurons without inputs say."""
    value = here.weight.new_zeros(here.out_features) if here.bias is None else here.bias.clone()
    for module in between:
        value = value if isinstance(module, nn.Dropout) else module(value)
    return value
