"""Random thinning: what any order of the trees has to beat."""

from __future__ import annotations

import torch

from prunelab.masks import Scores
from prunelab.registry import Unit, method


@method(
    unit=("trees", "stages"),
    scope="global",
    recover="none",
    label="random number",
    baseline="thin-random",
)
def thin_random(model: object, data: object, *, unit: Unit, seed: int) -> Scores:
    """Keep whole trees of a forest, or stages of boosting, drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    return {
        group: torch.rand(shape, generator=generator, dtype=torch.float64)
        for group, shape in unit.shapes(model, data).items()
    }
