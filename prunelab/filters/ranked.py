"""The importance of neurons, layer by layer, from what each layer reads to what it puts out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from prunelab.filters.maps import inputs
from prunelab.filters.norms import Norms, norms, used
from prunelab.filters.readers import readers
from prunelab.masks import Scores
from prunelab.spec import SpecError
from prunelab.surgery import Class
from prunelab.units.filters import planned

Rank = Callable[[Tensor, Tensor, Tensor], Tensor]  # of a weight, p and the activity
Activity = Literal["read", "raw"]


def ranked(
    net: nn.Module,
    data: Any,
    rank: Rank,
    *,
    activity: Activity,
    chained: bool,
    examples: int,
    seed: int,
) -> Scores:
    """Score every neuron by a rank of the layer that makes it, times the neurons of the layer.

    ``activity``: "read" is the norm of what the next layer reads (after the activation, and times
    the gate where there is one), "raw" of what the layer itself puts out. ``chained``: a layer that
    reads ranked neurons takes their importance for p; else, and elsewhere, p is the norm of what it
    reads. A gate is not ranked, only the layer beside it.

    Raises:
        SpecError: a group made by something else than linear and convolutional layers.
    """
    groups = planned(net, data).classes
    made = {group.name: makers(net, group) for group in groups}
    read = {r.layer for group in groups for r in readers(net, group)}
    x = inputs(net, data, examples, seed)
    seen = norms(net, x, {name for names in made.values() for name in names} | read)
    known: dict[str, Tensor] = {}
    scores = {}
    for group in groups:
        active = used(net, group, seen) if activity == "read" else _raw(group, made, seen)
        total = torch.zeros(group.size, dtype=torch.float64)
        for name in made[group.name]:
            weight: Any = net.get_submodule(name).weight
            incoming = known[name] if chained and name in known else seen.incoming(name).cpu()
            total += rank(_matrix(weight.detach()).cpu(), incoming, active)
        total /= total.sum()
        known |= {r.layer: _passed(total, r.units) for r in readers(net, group)}
        scores[group.name] = total * group.size
    return scores


def makers(net: nn.Module, group: Class) -> list[str]:
    """The layers whose outputs a group's units are, gates left out.

    Raises:
        SpecError: none that is linear or convolutional and makes each unit once.
    """
    layers = [m.layer for m in group.members if m.layer and len(m.units) == group.size]
    plain = [name for name in layers if isinstance(net.get_submodule(name), nn.Linear | nn.Conv2d)]
    found = [name for name in plain if "gate" not in name.rpartition(".")[2]] or plain
    if not found:
        raise SpecError(f"{group.name} is made by no plain layer; choose l1-filter or taylor.")
    return list(dict.fromkeys(found))


def _raw(group: Class, made: dict[str, list[str]], seen: Norms) -> Tensor:
    squares = [seen.put[name].cpu() for name in made[group.name]]
    return torch.stack(squares).sum(0).sqrt()


def _matrix(weight: Tensor) -> Tensor:
    """(outputs, inputs): of a kernel the sum of sizes, as many paths lead through it."""
    return weight if weight.ndim == 2 else weight.abs().flatten(2).sum(2)


def _passed(importance: Tensor, units: Tensor) -> Tensor:
    """Of each column that reads units, the importance of its unit; other columns have none."""
    return torch.where(units >= 0, importance[units.clamp_min(0)], 0.0)
