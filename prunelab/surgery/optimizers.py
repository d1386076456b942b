"""An optimiser made anew for a network that became smaller: it goes on where it was."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from prunelab.surgery.cut import Indices, select


def rebuilt(optimizer: Optimizer, net: nn.Module, small: nn.Module, indices: Indices) -> Optimizer:
    """The same optimiser for the small network; the one of the large network is left as it was.

    Settings of each group of parameters stay, and so does what it remembers of the numbers that
    stay, such as momentum.

    Raises:
        ValueError: it holds a parameter that the large network or the small one does not have.
    """
    names = {id(p): name for name, p in net.named_parameters()}
    here, state = dict(small.named_parameters()), defaultdict[Tensor, Any](dict)
    groups = []
    for group in optimizer.param_groups:
        kept = []
        for parameter in group["params"]:
            name = names.get(id(parameter), "")
            if name not in here:
                raise ValueError("The optimiser holds a parameter that is not in both networks.")
            kept.append(here[name])
            if parameter in optimizer.state:
                told = optimizer.state[parameter]
                state[here[name]] = _remembered(name, parameter, told, indices)
        groups.append({**group, "params": kept})
    made = copy.copy(optimizer)
    made.param_groups, made.state = groups, state
    return made


def _remembered(
    name: str, parameter: Tensor, told: Mapping[str, Any], indices: Indices
) -> dict[str, Any]:
    """What was remembered number by number, of those that stay; the rest as it is."""
    found = {}
    for what, value in told.items():
        if isinstance(value, Tensor):
            alike = value.shape == parameter.shape
            found[what] = (select(name, value, indices.get(name, [])) if alike else value).clone()
        else:
            found[what] = copy.copy(value)
    return found
