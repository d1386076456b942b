"""ThiNet: remove the filters that the next layer would miss least, together."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from prunelab.filters.maps import evaluating, inputs
from prunelab.filters.readers import Reader, readers
from prunelab.masks import Scores
from prunelab.registry import Range, method
from prunelab.spec import SpecError
from prunelab.surgery import Class
from prunelab.training import seeded
from prunelab.units.filters import planned

PLACES = 10  # of each example, as published


@method(
    unit="filters",
    scope="uniform",
    paper="Luo et al. 2017, arXiv:1707.06342, equation 6 and algorithm 1",
    label="order of the greedy choice",
    baseline="random-filter",
    subjects=("vgg-small",),
    needs={"network"},
)
def thinet(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    images: Annotated[int, Range(1, 10000), "training examples to look at"] = 100,
) -> Scores:
    """Keep the filters whose absence the next layer would notice.

    What unit c adds to one number of the next layer is x̂ = Σ w·x over its column. From 10 random
    places of each example, the set that goes grows by the unit that keeps Σ (Σ_{c gone} x̂)² least,
    so that units which cancel out go together. The score is when it went, over the units there are.
    Deviations: all layers are chosen on the dense network, not one after another with training in
    between; the least-squares scale of what is left is not folded in, fine-tuning does that work.

    Example: unit 1 always adds 5, unit 2 adds 3, unit 3 adds −5. Unit 2 goes first (error 9), then
    1 or 3; once one of them is gone, the other cancels it.
    """
    groups = planned(net, data).classes
    reading = {group.name: readers(net, group) for group in groups}
    x = inputs(net, data, images, seed)
    names = {reader.layer for found in reading.values() for reader in found}
    seen = _read(net, x, names)
    return {g.name: greedy(_together(net, g, reading[g.name], seen, seed)) for g in groups}


def greedy(gram: Tensor) -> Tensor:
    """When each unit goes, over the units there are, from Σ x̂ᵢ x̂ⱼ between them."""
    units, left = len(gram), torch.ones(len(gram), dtype=torch.bool)
    with_gone = torch.zeros_like(gram[0])
    order = torch.zeros_like(gram[0])
    for step in range(units):
        more = torch.where(left, 2 * with_gone + gram.diagonal(), torch.inf)
        chosen = int(more.argmin())
        order[chosen], left[chosen] = step / units, False
        with_gone += gram[chosen]
    return order


@torch.no_grad()
def _read(net: nn.Module, x: Tensor, layers: set[str]) -> dict[str, Tensor]:
    """What layers read; of one that is called several times, the last."""
    seen: dict[str, Tensor] = {}
    hooks = [
        net.get_submodule(name).register_forward_pre_hook(
            lambda layer, given, name=name: seen.update({name: given[0].clone()})
        )
        for name in layers
    ]
    try:
        with evaluating(net):
            net(x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _together(
    net: nn.Module, group: Class, reading: list[Reader], seen: dict[str, Tensor], seed: int
) -> Tensor:
    """Σ x̂ᵢ x̂ⱼ over the places of all layers that read a group."""
    if not any(reader.layer in seen for reader in reading):
        raise SpecError(f"No plain layer reads {group.name}; choose taylor or l1-filter.")
    total = torch.zeros(group.size, group.size, dtype=torch.float64)
    for layer, units in reading:
        ours = units >= 0
        added = _added(net.get_submodule(layer), seen[layer], seeded(seed, "places", layer))
        each = torch.zeros(len(added), group.size, dtype=torch.float64)
        each.index_add_(1, units[ours], added.cpu()[:, ours])
        total += each.T @ each
    return total


def _added(layer: Any, x: Tensor, chance: torch.Generator) -> Tensor:
    """What each column of a layer adds to one output, at random places: (places, columns)."""
    weight = layer.weight.detach().double()
    if isinstance(layer, nn.Conv2d):
        padding, x, weight = _padding(layer), x.double(), weight.flatten(2)
        rows = unfold(x, layer.kernel_size, layer.dilation, padding, layer.stride).mT.flatten(0, 1)
    elif isinstance(layer, nn.Linear):
        rows, weight = x.double().flatten(0, -2), weight[..., None]
    else:
        raise SpecError(f"thinet reads linear and 2-d layers, got {type(layer).__name__}.")
    count = PLACES * len(x)
    rows = rows[torch.randint(len(rows), (count,), generator=chance)]
    outs = torch.randint(len(weight), (count,), generator=chance)
    products: Tensor = rows.view(count, weight.shape[1], -1) * weight[outs]
    return products.sum(2)


def _padding(layer: nn.Conv2d) -> Any:
    if isinstance(layer.padding, str):
        raise SpecError("thinet needs convolutions whose padding is given in pixels.")
    return layer.padding
