"""SR-STE: learn an N:M pattern while training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor, nn

from prunelab.course import Course
from prunelab.masks import Masks, Scores
from prunelab.probes import gradient, trainable
from prunelab.registry import Range, method
from prunelab.units.patterns import best, blockwise, pattern, places


@method(
    unit="weights",
    when="training",
    recover="none",
    latent=True,
    paper="Zhou et al. 2021, arXiv:2102.04010, equation 9",
    label="rank in its block",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def sr_ste(
    net: nn.Module,
    data: object,
    *,
    course: Course,
    sparsity: float,
    m: Annotated[int, Range(2, 32, 1), "weights of a block"] = 4,
    every: Annotated[int, Range(1, 1000), "steps between two choices of the pattern"] = 10,
    decay: Annotated[float, Range(0, 0.1, 1e-4), "pull λ of pruned weights to zero"] = 2e-4,
) -> Iterator[Scores | None]:
    """Train with an N:M pattern from the start: pruned weights go on learning and may come back.

    w ← w − η (∂L/∂w̃ + λ (1 − M) ⊙ w): the gradient of the masked network reaches all weights
    (straight through), and a pull towards zero calms those that are pruned. M keeps the N largest
    |w| of every M consecutive inputs.
    Deviations: M is chosen anew every 10 steps (each step as published: every=1).
    """
    layers = trainable(net)
    course.note = pattern(sparsity, m)
    known, gone = course.mask, _gone(course.mask)
    while True:
        anew = course.due or course.step % every == 0
        yield _choice(layers, course, m) if anew else None
        if course.mask is not known:
            known, gone = course.mask, _gone(course.mask)
        for name, w in layers.items():
            gradient(w).addcmul_(w.detach(), gone[name].to(w.dtype), value=decay)


def _choice(layers: dict[str, Tensor], course: Course, m: int) -> Scores:
    """Scores for the first mask; later, where it is a pattern, the mask itself: that is quicker."""
    n = {name: m * int(mask.sum()) / mask.numel() for name, mask in course.mask.items()}
    if n and not course.due and all(map(float.is_integer, n.values())):
        return {name: best(name, w, int(n[name]), m) for name, w in layers.items()}
    score = blockwise if course.note else places
    return {name: score(name, w, m) for name, w in layers.items()}


def _gone(mask: Masks) -> dict[str, Tensor]:
    """1 where a weight is pruned, as numbers: turning them round at every step costs more."""
    return {name: (~m).float() for name, m in mask.items()}
