"""SET: drop small weights, grow at random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from torch import nn

from prunelab.course import Course
from prunelab.masks import Scores
from prunelab.probes import trainable
from prunelab.registry import Range, method
from prunelab.rewiring import cosine, drawn, due, stays


@method(
    unit="weights",
    when="training",
    scope="erk",
    recover="none",
    paper="Mocanu et al. 2018, arXiv:1707.04780; as compared in Evci et al. 2020",
    label="kept, else random",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def set_(  # noqa: PLR0913 - most are knobs
    net: nn.Module,
    data: object,
    *,
    course: Course,
    seed: int,
    every: Annotated[int, Range(1, 10000), "steps between two changes of the mask (ΔT)"] = 20,
    drop: Annotated[float, Range(0, 1, 0.05), "share dropped at first (ζ)"] = 0.3,
    stop: Annotated[float, Range(0, 1, 0.05), "share of training after which it is fixed"] = 0.75,
    by: Annotated[
        Literal["magnitude", "sign"], "smallest |w|, or the smallest of each sign"
    ] = "magnitude",
    decay: Annotated[bool, "drop less and less along a cosine"] = True,
) -> Iterator[Scores | None]:
    """Train sparse from the start; every ΔT steps drop small weights and grow others at random.

    A layer always has the same number of weights. With ``by=sign`` and ``decay=false`` a share ζ of
    the smallest positive and of the largest negative weights goes, as first published; the
    defaults are those of the comparison in RigL. New weights start at zero with no momentum, and a
    weight just dropped may be drawn.
    Deviations: exact counts; new weights are 0 (the first code draws N(0, 1)/10).
    """
    layers = trainable(net)
    yield drawn(layers, seed, "static")
    while True:
        if drop and due(course, every, stop):
            share = drop * (cosine(course, stop) if decay else 1.0)
            grown = drawn(layers, seed, "set", course.step)
            yield {
                n: grown[n].masked_fill(stays(w, course.mask[n], share, by), 2.0)
                for n, w in layers.items()
            }
        else:
            yield None
