"""Movement pruning: keep what training moves away from zero."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from prunelab.course import Course, Memory
from prunelab.cover import blank
from prunelab.masks import Scores
from prunelab.probes import gradient, trainable
from prunelab.registry import method


@method(
    unit="weights",
    when="training",
    schedule="cubic",
    scope="uniform",
    recover="none",
    latent=True,
    start="trained",
    paper="Sanh et al. 2020, arXiv:2005.07683, equation 2 (hard movement pruning)",
    label="movement",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def movement(
    net: nn.Module, data: object, *, memory: Memory, course: Course
) -> Iterator[Scores | None]:
    """Keep the weights that training moves away from zero, whatever their size.

    S ← S − w · ∂L/∂w̃ after each backward pass, w̃ = M ⊙ w; the mask M keeps the highest S of each
    matrix and follows a cubic schedule. A pruned weight keeps its value and its score goes on
    learning, so it may come back. Training starts from the dense trained weights (fine-pruning).
    Deviations: the scores are plain sums (stochastic gradient descent, whose learning rate does not
    change a ranking) rather than Adam's; biases and normalisation are not frozen.

    Example: w = (1, 1) with the gradients (−1, +1): S = (1, −1) keeps the first, though the
    magnitudes tie.
    """
    layers = trainable(net)
    moved = memory.tensors("moved", layers)
    while True:
        yield moved
        for name, w in layers.items():
            moved[name].addcmul_(w.detach(), gradient(w), value=-1)
            if course.mask:
                blank(course.mask[name], gradient(w))
