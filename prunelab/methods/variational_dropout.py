"""Sparse variational dropout: learn how much noise each weight bears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from prunelab.course import Course, Gates, Memory
from prunelab.masks import Scores
from prunelab.probes import affine, examples, trainable
from prunelab.registry import Range, method
from prunelab.training import seeded

THRESHOLD = 3.0  # log α above it: dropout rate above 0.95, the published cut
K1, K2, K3 = 0.63576, 1.8732, 1.48695


@method(
    unit="weights",
    when="training",
    schedule="settle",
    recover="none",
    recipe={"optimizer": "adam", "lr": 3e-3, "weight_decay": 0.0, "milestones": (0.9,)},
    paper="Molchanov et al. 2017, arXiv:1701.05369, equations 13-17",
    label="−log α",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def variational_dropout(
    net: nn.Module,
    data: Any,
    *,
    memory: Memory,
    course: Course,
    seed: int,
    warm_up: Annotated[
        float, Range(0, 1, 0.05), "share of training before the penalty is full"
    ] = 0.25,
    noise_lr: Annotated[float, Range(1e-5, 1, 1e-5), "learning rate of log σ²"] = 0.02,
) -> Iterator[Scores | None]:
    """Learn a noise for every weight and prune those that bear much, relative to their size.

    w ~ N(θ, σ²), α = σ²/θ². Layers draw their outputs: mean xθ, variance x²σ². The loss is
    cross-entropy + β/N · Σ KL(α), KL ≈ k₁ − k₁·sigmoid(k₂ + k₃ log α) + ½ log(1 + 1/α), β rising
    from 0 to 1. s = −log α.
    Deviations: the method's own answer is log α < 3; exactly what was asked for stays instead, by
    rank, and a note says what its own answer would have kept. It is chosen at 80 % of training
    (settle=1: at the end, as published), after which what is left trains without noise. The noise
    has a learning rate of its own, for short trainings (1e-3 as published).
    """
    layers = trainable(net)
    noise = memory.parameters("log_var", layers, start=-10.0, lr=noise_lr)
    count = len(examples(data)[1]) if data is not None else 1
    course.forward = {n: _noisy(n, noise[n], course, seed) for n in layers}
    course.penalty = lambda: _ramp(course.done, warm_up) / count * sum_kl(layers, noise)
    course.shown = lambda: {n: w * (log_alpha(w, noise[n]) < THRESHOLD) for n, w in layers.items()}
    course.gates = Gates(
        "log α", THRESHOLD, "above", lambda: {n: log_alpha(w, noise[n]) for n, w in layers.items()}
    )
    while not course.mask:
        found = {n: -log_alpha(w, noise[n]).detach() for n, w in layers.items()}
        if course.due and course.step:
            course.note = _own(found)
            break
        yield found
    course.forward, course.penalty, course.shown, course.gates = {}, None, None, None
    yield {n: -log_alpha(w, noise[n]).detach() for n, w in layers.items()}
    while True:
        yield None


def log_alpha(w: Tensor, log_var: Tensor) -> Tensor:
    """How large the noise is beside the weight, within [−8, 8]."""
    return (log_var - (w.square() + 1e-8).log()).clamp(-8, 8)


def kl(log_alpha: Tensor) -> Tensor:
    """Molchanov's approximation of the divergence from the log-uniform prior, 0 for much noise."""
    return K1 - K1 * torch.sigmoid(K2 + K3 * log_alpha) + 0.5 * softplus(-log_alpha)


def sum_kl(layers: dict[str, Tensor], noise: dict[str, Tensor]) -> Tensor:
    """Of all weights together."""
    return torch.stack([kl(log_alpha(w, noise[n])).sum() for n, w in layers.items()]).sum()


def _noisy(name: str, log_var: Tensor, course: Course, seed: int) -> Any:
    def forward(layer: nn.Module, x: Tensor) -> Tensor:
        weight: Any = layer.weight
        heard = weight * (log_alpha(weight, log_var).detach() < THRESHOLD)
        mean = affine(layer, x, heard, layer.bias)
        variance = affine(layer, x.square(), log_var.exp(), None)
        drawn = torch.randn(mean.shape, generator=seeded(seed, "noise", course.step, name))
        return mean + (variance + 1e-8).sqrt() * drawn.to(mean)

    return forward


def _ramp(done: float, warm_up: float) -> float:
    """0 for the first fifth of the warm-up, then linearly up to 1."""
    start = warm_up / 5
    return min(1.0, max(0.0, (done - start) / (warm_up - start))) if warm_up else 1.0


def _own(scores: dict[str, Tensor]) -> str:
    kept = sum(int((s > -THRESHOLD).sum()) for s in scores.values())
    units = sum(s.numel() for s in scores.values())
    return f"The method's own answer, log α < {THRESHOLD:g}, would keep {kept} of {units} weights."
