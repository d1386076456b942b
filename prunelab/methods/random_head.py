"""Random head pruning: what any method that removes heads has to beat."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from prunelab.masks import Scores
from prunelab.registry import Unit, method
from prunelab.training import seeded


@method(
    unit="heads",
    scope="uniform",
    label="random number",
    baseline="random-head",
    subjects=("vit-tiny",),
    needs={"network"},
)
def random_head(net: nn.Module, data: Any, *, unit: Unit, seed: int) -> Scores:
    """Keep heads drawn at random."""
    return {
        group: torch.rand(shape, generator=seeded(seed, group), dtype=torch.float64)
        for group, shape in unit.shapes(net, data).items()
    }
