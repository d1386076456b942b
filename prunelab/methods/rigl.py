"""RigL: drop small weights, grow where the gradient is largest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor, nn

from prunelab.course import Course
from prunelab.masks import Masks, Scores
from prunelab.probes import gradient, trainable
from prunelab.registry import Range, method
from prunelab.rewiring import cosine, drawn, due, stays


@method(
    unit="weights",
    when="training",
    scope="erk",
    recover="none",
    paper="Evci et al. 2020, arXiv:1911.11134, algorithm 1",
    label="kept, else |∂L/∂w̃|",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def rigl(
    net: nn.Module,
    data: object,
    *,
    course: Course,
    seed: int,
    every: Annotated[int, Range(1, 10000), "steps between two changes of the mask (ΔT)"] = 20,
    drop: Annotated[float, Range(0, 1, 0.05), "share dropped at first (α)"] = 0.3,
    stop: Annotated[float, Range(0, 1, 0.05), "share of training after which it is fixed"] = 0.75,
) -> Iterator[Scores | None]:
    """Train sparse from the start; every ΔT steps drop small weights and grow by the gradient.

    Of the n weights of a layer the k = ⌊n · α/2 · (1 + cos(πt/T_end))⌋ smallest |w| go, and the k
    largest |∂L/∂w̃| of all others (also of those just dropped) come, at zero. That step does not
    change the weights otherwise. A weight that is dropped and grown keeps its value and momentum.
    Deviations: ties by index; the first change is at step ΔT, not 0; ΔT = 20 for short trainings
    (100 as published).

    Example: w = (.5, −.1, .3, .05, −.7, 0, 0, 0, 0, 0), the first five alive, gradient
    (.1, .9, .2, .05, .3, .8, −.6, .2, .1, 0), k = 2: 0, 2, 4 stay; 1 and 5 come.
    """
    layers = trainable(net)
    yield drawn(layers, seed, "static")
    while True:
        sparse = not all(bool(m.all()) for m in course.mask.values())
        if drop and sparse and due(course, every, stop):
            course.hold = True
            yield scores(layers, course.mask, drop * cosine(course, stop))
        else:
            yield None


def scores(layers: dict[str, Tensor], mask: Masks, share: float) -> Scores:
    """2 for what stays, for all others the gradient as a share of the largest."""
    found = {}
    for name, w in layers.items():
        growth = gradient(w).abs()
        found[name] = (growth / growth.max().clamp_min(torch.finfo(w.dtype).tiny)).masked_fill(
            stays(w, mask[name], share), 2.0
        )
    return found
