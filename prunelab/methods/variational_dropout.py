"""Sparse variational dropout: learn how much noise each weight bears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from prunelab.course import Course, Gates, Memory, own_answer
from prunelab.cover import blank, masked
from prunelab.masks import Scores
from prunelab.probes import affine, examples, gradient, trainable
from prunelab.registry import Range, method
from prunelab.training import seeded

THRESHOLD = 3.0  # log α above it: dropout rate above 0.95, the published cut
K1, K2, K3 = 0.63576, 1.8732, 1.48695


@method(
    unit="weights",
    when="training",
    schedule="settle",
    recover="none",
    recipe={"optimizer": "adam", "lr": 0.01, "weight_decay": 0.0, "milestones": (0.5, 0.8)},
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
    noise_lr: Annotated[float, Range(1e-5, 1, 1e-5), "learning rate of log σ²"] = 0.05,
) -> Iterator[Scores | None]:
    """Learn a noise for every weight and prune those that bear much, relative to their size.

    w ~ N(θ, σ²), α = σ²/θ². Layers draw their outputs: mean xθ, variance x²σ². The loss is
    cross-entropy + β/N · Σ KL(α), KL ≈ k₁ − k₁·sigmoid(k₂ + k₃ log α) + ½ log(1 + 1/α), β rising
    from 0 to 1. s = −log α. While it trains log α is clipped to ±8; the score is not, so that the
    weights beyond are ranked too and no layer loses all of them to ties.
    Deviations: the method's own answer is log α < 3; exactly what was asked for stays instead, by
    rank, and a note says what its own answer would have kept. It is chosen at 80 % of training
    (settle=1: at the end, as published), after which what is left trains without noise. The noise
    has a learning rate of its own, for short trainings (1e-3 as published). Rates and milestones:
    docs/tuning.md.
    """
    layers = trainable(net)
    noise = memory.parameters("log_var", layers, start=-10.0, lr=noise_lr)
    count = len(examples(data)[1]) if data is not None else 1
    learning, at = not course.mask, dict[str, Tensor]()  # log α as the forward pass met it
    if learning:
        course.forward = {n: _noisy(n, noise[n], course, seed) for n in layers}
        course.seen = lambda: _heard_at(layers, noise, at)
        course.shown = lambda: heard(layers, noise)
        course.gates = Gates(
            "log α", THRESHOLD, "above",
            lambda: {n: log_alpha(w, noise[n]) for n, w in layers.items()},
        )  # fmt: skip
    yield _scores(layers, noise)
    while learning:
        for name, w in layers.items():
            _slopes(w, noise[name], _ramp(course.done, warm_up) / count, at[name])
        learning = not course.due
        if not learning:
            heard_of = {n: s > -THRESHOLD for n, s in _scores(layers, noise).items()}
            course.note = own_answer("log α < 3", heard_of)
            course.forward, course.seen, course.shown, course.gates = {}, None, None, None
        yield None if learning else _scores(layers, noise)
    while True:
        yield None


def ratio(w: Tensor, log_var: Tensor) -> Tensor:
    """Log α: how large the noise is beside the weight."""
    return w.square().add_(1e-8).log().neg_().add_(log_var)


def log_alpha(w: Tensor, log_var: Tensor) -> Tensor:
    """The same within [−8, 8], as training sees it."""
    return ratio(w, log_var).clamp(-8, 8)


def kl(log_alpha: Tensor) -> Tensor:
    """Molchanov's approximation of the divergence from the log-uniform prior, 0 for much noise."""
    return K1 - K1 * torch.sigmoid(K2 + K3 * log_alpha) + 0.5 * softplus(-log_alpha)


def slope(log_alpha: Tensor) -> Tensor:
    """∂KL/∂log α; 0 at the bounds, beyond which log α does not go."""
    s = (K3 * log_alpha).add_(K2).sigmoid_()
    found = s.sub_(s.square()).mul_(-K1 * K3).sub_(log_alpha.neg().sigmoid_(), alpha=0.5)
    blank(log_alpha.abs() < 8, found)
    return found


def heard(layers: dict[str, Tensor], noise: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights that are not drowned in noise, zero for the others."""
    return _heard_at(layers, noise, {})


def _heard_at(
    layers: dict[str, Tensor], noise: dict[str, Tensor], at: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The same; ``at`` gets log α, which the slopes need again."""
    at |= {n: log_alpha(w.detach(), noise[n].detach()) for n, w in layers.items()}
    return {n: masked(w, at[n] < THRESHOLD) for n, w in layers.items()}


def _slopes(w: Tensor, log_var: Tensor, price: float, at: Tensor | None = None) -> None:
    """Complete the gradients: only heard weights are in the mean, and the divergence counts."""
    at = log_alpha(w.detach(), log_var.detach()) if at is None else at
    blank(at < THRESHOLD, gradient(w))
    if price:
        more = slope(at).mul_(price)
        gradient(log_var).add_(more)
        gradient(w).sub_(more.mul_(w.detach()).div_(w.detach().square().add_(1e-8)), alpha=2)


def _scores(layers: dict[str, Tensor], noise: dict[str, Tensor]) -> Scores:
    return {n: -ratio(w.detach(), noise[n].detach()) for n, w in layers.items()}


def _noisy(name: str, log_var: Tensor, course: Course, seed: int) -> Any:
    def forward(layer: Any, x: Tensor) -> Tensor:
        mean = affine(layer, x, layer.weight, layer.bias)
        variance = affine(layer, x.square(), log_var.exp(), None)
        drawn = torch.randn(mean.shape, generator=seeded(seed, "noise", course.step, name))
        return mean + (variance + 1e-8).sqrt() * drawn.to(mean)

    return forward


def _ramp(done: float, warm_up: float) -> float:
    """0 for the first fifth of the warm-up, then linearly up to 1."""
    start = warm_up / 5
    return min(1.0, max(0.0, (done - start) / (warm_up - start))) if warm_up else 1.0
