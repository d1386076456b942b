"""Random pruning: what any method has to beat."""

from __future__ import annotations

import hashlib

import torch

from prunelab.masks import Scores
from prunelab.registry import Unit, method


@method(unit=("weights", "nodes"), scope="uniform", label="random number")
def random(model: object, data: object, *, unit: Unit, seed: int) -> Scores:
    """Keep units drawn at random, the same share of every layer."""
    scores = {}
    for group, shape in unit.shapes(model, data).items():
        word = hashlib.sha256(f"{seed} {group}".encode()).digest()[:8]
        generator = torch.Generator().manual_seed(int.from_bytes(word, "big") >> 1)
        scores[group] = torch.rand(shape, generator=generator, dtype=torch.float64)
    return scores
