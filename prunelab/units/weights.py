"""Single weights of linear and convolutional layers: they become zeros, the shapes stay."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.probes import weights as prunable
from prunelab.registry import Unit, unit


@unit(needs={"network"}, noun="weights")
def weights() -> Unit:
    """Single weights, anywhere in a layer."""
    return Unit(shapes=_shapes, keep=_keep, rows=_rows, cover=_cover)


def _shapes(net: nn.Module, data: object) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in prunable(net).items()}


def _keep(net: nn.Module, data: object, mask: Mapping[str, Tensor]) -> nn.Module:
    pruned = copy.deepcopy(net)
    with torch.no_grad():
        for name, weight in prunable(pruned).items():
            weight.masked_fill_(~mask[name].to(weight.device), 0.0)
    return pruned


def _cover(net: nn.Module, data: object, mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    return {names[id(weight)]: mask[layer] for layer, weight in prunable(net).items()}


def _rows(net: nn.Module, data: object, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": list(weight.shape),
            "units": weight.numel(),
            "kept": int(mask[name].sum()),
        }
        for name, weight in prunable(net).items()
    ]
