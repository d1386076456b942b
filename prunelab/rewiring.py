"""What methods share that start from a random mask and change it while training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from prunelab.course import Course
from prunelab.masks import Scores, highest
from prunelab.training import seeded


def drawn(layers: Mapping[str, Tensor], seed: int, *words: object) -> Scores:
    """Scores uniform in [0, 1), the same for the same words."""
    return {
        name: torch.rand(w.shape, generator=seeded(seed, *words, name), dtype=torch.float64).to(
            w.device
        )
        for name, w in layers.items()
    }


def due(course: Course, every: int, stop: float) -> bool:
    """Whether this step changes the mask: each ``every`` steps, up to a share of training."""
    return course.step % every == 0 and course.done < stop


def cosine(course: Course, stop: float) -> float:
    """From 1 at the beginning to 0 where changes stop."""
    return (1 + math.cos(math.pi * course.done / stop)) / 2


def stays(w: Tensor, mask: Tensor, share: float, by: str = "magnitude") -> Tensor:
    """The mask without the smallest ⌊share · n⌋ of its n weights, lower index first on ties.

    With ``by`` "sign" that share of the positive weights and of the others.
    """
    sides = [mask & (w > 0), mask & (w <= 0)] if by == "sign" else [mask]
    left, smallness = mask.clone(), {"": -w.detach().abs()}
    for side in sides:
        left &= ~highest(smallness, int(share * int(side.sum())), {"": side})[""]
    return left
