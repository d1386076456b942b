"""Taylor: remove the filters whose absence changes the loss least, to first order."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import nn

from prunelab.filters.gates import gate_gradients
from prunelab.masks import Scores
from prunelab.probes import batch, examples
from prunelab.registry import Range, method
from prunelab.training import seeded


@method(
    unit="filters",
    scope="global",
    paper="Molchanov et al. 2019, arXiv:1906.10771, equations 8-9 (Taylor-FO-BN)",
    label="(∂L/∂gate)²",
    baseline="random-filter",
    subjects=("resnet-narrow",),
    needs={"network"},
)
def taylor(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    batches: Annotated[int, Range(1, 1000), "minibatches to look at"] = 20,
    batch_size: Annotated[int, Range(2, 4096), "examples in each"] = 32,
) -> Scores:
    """Keep the filters without which the loss would change most.

    s = (∂L/∂z)² of a gate z = 1 behind the normalisation, which is (γ ∂L/∂γ + β ∂L/∂β)² there and
    (Σ w ∂L/∂w + b ∂L/∂b)² behind a layer without one; squared batch by batch, then averaged.
    Scores of different layers are in units of the loss, hence one ranking over all of them.
    Filters that a shortcut adds together share a gate: their gradients add before the square.
    Deviations: all that go are chosen at once, not a hundred at a time while training goes on.

    Example: L = 2·z·a with a = 3 has ∂L/∂z = 6: the score is 36, and without the unit the loss
    would be 6 lower.
    """
    total: dict[str, torch.Tensor] = {}
    _, y = examples(data)
    for number in range(batches):
        some = batch(data, min(batch_size, len(y)), seeded(seed, "examples", number))
        for group, found in gate_gradients(net, data, some).items():
            each = found.square() / batches
            total[group] = total[group] + each if group in total else each
    return total
