"""Random block pruning: what any method that removes blocks has to beat."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from prunelab.masks import Scores
from prunelab.registry import Unit, method
from prunelab.training import seeded


@method(
    unit="blocks",
    scope="uniform",
    label="random number",
    baseline="random-block",
    subjects=("vit-tiny",),
    needs={"network"},
)
def random_block(net: nn.Module, data: Any, *, unit: Unit, seed: int) -> Scores:
    """Keep blocks drawn at random."""
    return {
        group: torch.rand(shape, generator=seeded(seed, group), dtype=torch.float64)
        for group, shape in unit.shapes(net, data).items()
    }
