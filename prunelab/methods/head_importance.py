"""Head importance: remove the heads of attention whose gates the loss hardly feels."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunelab.filters.readers import readers
from prunelab.masks import Scores
from prunelab.probes import batch
from prunelab.registry import Range, method
from prunelab.surgery.adapters import adapt
from prunelab.surgery.copies import light
from prunelab.training import seeded
from prunelab.units.heads import planned

BATCH = 64


@method(
    unit="heads",
    paper="Michel, Levy, Neubig 2019, arXiv:1905.10650, equation 2",
    label="E|∂L/∂ξ|",
    baseline="random-head",
    subjects=("vit-tiny",),
    needs={"network"},
)
def head_importance(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    examples: Annotated[int, Range(1, 100_000), "examples to look at"] = 256,
    normalize: Annotated[bool, "divide the scores of each layer by their Euclidean norm"] = True,
) -> Scores:
    """Keep the heads of attention whose gates the loss feels most.

    I = E |∂L/∂ξ| = E |Σ a · ∂L/∂a| with ξ = 1 a gate on what a head puts out, a, before the layer
    that mixes the heads: absolute for each example, then the mean. In evaluation mode.
    Deviations: the authors' code takes the absolute value for each token; all heads that go are
    chosen at once; every layer keeps one head at least. Heads that share keys and values go
    together and add their gradients.

    Example: two examples with gradients 0.3 and −0.3 of a gate: I = 0.3, where their mean is 0.
    """
    groups = planned(net, data).classes
    copied = light(net).eval()
    adapt(copied)
    x, y = batch(data, examples, seeded(seed, "examples"))
    like = next(net.parameters())
    x, y = x.to(like.device, like.dtype if x.is_floating_point() else x.dtype), y.to(like.device)
    total = {g.name: torch.zeros(g.size, dtype=torch.float64) for g in groups}
    layers = {g.name: readers(copied, g) for g in groups}
    for some, classes in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
        felt = _felt(copied, some, classes, {r.layer for found in layers.values() for r in found})
        for name, found in layers.items():
            gates = torch.zeros(len(some), len(total[name]), dtype=torch.float64)
            for reader in found:
                ours = reader.units >= 0
                gates.index_add_(1, reader.units[ours], felt[reader.layer][:, ours])
            total[name] += gates.abs().sum(0) / len(x)
    if normalize:
        return {name: s / (s.norm() + 1e-20) for name, s in total.items()}
    return total


def _felt(net: nn.Module, x: Tensor, y: Tensor, layers: set[str]) -> dict[str, Tensor]:
    """By layer Σ a · ∂L/∂a over positions: (examples, inputs of the layer)."""
    given: dict[str, Tensor] = {}

    def hook(name: str) -> Any:
        def keep(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            given[name] = args[0] if args[0].requires_grad else args[0].requires_grad_()
            return (given[name], *args[1:])

        return keep

    hooks = [net.get_submodule(n).register_forward_pre_hook(hook(n)) for n in sorted(layers)]
    try:
        with torch.enable_grad():
            loss = cross_entropy(net(x), y, reduction="sum")
            slopes = torch.autograd.grad(loss, list(given.values()))
    finally:
        for each in hooks:
            each.remove()
    return {
        name: (a.detach() * g).double().reshape(len(x), -1, a.shape[-1]).sum(1).cpu()
        for (name, a), g in zip(given.items(), slopes, strict=True)
    }
