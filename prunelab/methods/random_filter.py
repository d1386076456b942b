"""Random filter pruning: what any structured method has to beat."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from prunelab.masks import Scores
from prunelab.registry import Unit, method
from prunelab.training import seeded


@method(
    unit="filters",
    scope="uniform",
    label="random number",
    baseline="random-filter",
    needs={"network"},
)
def random_filter(net: nn.Module, data: Any, *, unit: Unit, seed: int) -> Scores:
    """Keep filters drawn at random, the same share of every layer."""
    return {
        group: torch.rand(shape, generator=seeded(seed, group), dtype=torch.float64)
        for group, shape in unit.shapes(net, data).items()
    }
