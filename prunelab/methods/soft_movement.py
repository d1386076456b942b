"""Soft movement pruning: movement scores under a penalty, one threshold for all layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import nn

from prunelab.course import Course, Memory, own_answer
from prunelab.cover import blank
from prunelab.masks import Scores
from prunelab.probes import gradient, trainable
from prunelab.registry import Range, method

THRESHOLD = 0.1  # of σ(S), as published


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
    known, reached = course.mask, _reached(course, sparsity)
    while True:
        yield {name: s.detach() for name, s in scores.items()}
        if course.mask is not known:
            known, reached = course.mask, _reached(course, sparsity)
        for name, w in layers.items():
            gate = torch.sigmoid(scores[name].detach())
            price = penalty * reached / (w.numel() * len(layers))
            slope = gradient(w) * w.detach()
            scores[name].grad = slope.add_(gate.addcmul_(gate, gate, value=-1), alpha=price)
            if course.mask:
                blank(course.mask[name], gradient(w))
        if course.step == course.steps:
            stays = {n: torch.sigmoid(s) > THRESHOLD for n, s in scores.items()}
            course.note = own_answer(f"σ(S) > {THRESHOLD}", stays)


def _reached(course: Course, sparsity: float) -> float:
    if not course.mask or not sparsity:
        return 0.0
    units = sum(m.numel() for m in course.mask.values())
    return (1 - sum(int(m.sum()) for m in course.mask.values()) / units) / sparsity
