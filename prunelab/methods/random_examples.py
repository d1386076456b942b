"""Random examples: what any way of choosing data has to beat."""

from __future__ import annotations

from typing import Any

import torch

from prunelab.masks import Scores
from prunelab.registry import Unit, method
from prunelab.training import seeded


@method(
    unit="examples",
    label="random number",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def random_examples(model: Any, data: Any, *, unit: Unit, seed: int) -> Scores:
    """Keep examples drawn at random.

    Scope "uniform" draws the same share of every class. Random is a strong baseline: methods that
    score lose to it at 30 % kept and less in many studies (Ayed & Hayou 2023, arXiv:2302.06960).
    """
    return {
        name: torch.rand(shape, generator=seeded(seed, "examples", name), dtype=torch.float64)
        for name, shape in unit.shapes(model, data).items()
    }
