"""Soft movement pruning: movement scores under a penalty, one threshold for all layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor, nn

from prunelab.course import Course, Memory, own_answer
from prunelab.cover import bits, blank
from prunelab.masks import Scores
from prunelab.probes import gradient, trainable
from prunelab.registry import Range, method

THRESHOLD = 0.1  # of σ(S), as published
SLOPE = torch.ops.aten.sigmoid_backward.grad_input  # of σ, from its value


@method(
    unit="weights",
    when="training",
    schedule="cubic",
    scope="global",
    recover="none",
    latent=True,
    start="trained",
    recipe={"optimizer": "adam", "lr": 1e-3},
    paper="Sanh et al. 2020, arXiv:2005.07683, §4 (soft movement pruning)",
    label="movement",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def soft_movement(
    net: nn.Module,
    data: object,
    *,
    memory: Memory,
    course: Course,
    sparsity: float,
    score_lr: Annotated[float, Range(1e-4, 1, 1e-4), "learning rate of the scores"] = 0.01,
    penalty: Annotated[float, Range(0, 1000), "weight λ of the mean of σ(S)"] = 10.0,
) -> Iterator[Scores | None]:
    """Learn movement scores under a penalty and keep those above one threshold for all layers.

    ∂L/∂S = ∂L/∂w̃ ⊙ w + λ · σ'(S)/n, λ growing with the sparsity reached; M = 1[σ(S) > τ].
    Deviations: τ follows from the sparsity of the schedule, so that the count is exact; a note says
    what σ(S) > 0.1, the published threshold, would have kept. λ is smaller than for BERT.
    """
    layers = trainable(net)
    scores = memory.parameters("scores", layers, lr=score_lr)
    known, reached, stays = course.mask, _reached(course, sparsity), _stays(course, layers)
    while True:
        yield {name: s.detach() for name, s in scores.items()}
        if course.mask is not known:
            known, reached = course.mask, _reached(course, sparsity)
            stays = _stays(course, layers)
        for name, w in layers.items():
            price = w.new_tensor(penalty * reached / (w.numel() * len(layers)))
            gate = torch.sigmoid(scores[name].detach())
            slope = SLOPE(price, gate, grad_input=gate)
            scores[name].grad = slope.addcmul_(gradient(w), w.detach())
            if stays:
                blank(stays[name], gradient(w))
        if course.step == course.steps:
            own = {n: torch.sigmoid(s) > THRESHOLD for n, s in scores.items()}
            course.note = own_answer(f"σ(S) > {THRESHOLD}", own)


def _stays(course: Course, layers: dict[str, Tensor]) -> dict[str, Tensor]:
    """The bits of the mask: making them at every step costs more."""
    return {name: bits(mask, layers[name]) for name, mask in course.mask.items()}


def _reached(course: Course, sparsity: float) -> float:
    if not course.mask or not sparsity:
        return 0.0
    units = sum(m.numel() for m in course.mask.values())
    return (1 - sum(int(m.sum()) for m in course.mask.values()) / units) / sparsity
