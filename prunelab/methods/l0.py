"""L0 regularisation: learn a gate for every weight."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from prunelab.course import Course, Gates, Memory
from prunelab.masks import Scores
from prunelab.probes import affine, examples, trainable
from prunelab.registry import Range, method
from prunelab.training import seeded

BETA, LOW, HIGH = 2 / 3, -0.1, 1.1  # temperature and stretch of the hard-concrete distribution
SHUT = -math.log(11)  # log α at which the gate of the test network is 0
WIDEST = math.log(100)
_LEAST = 1 / (1 + math.exp(BETA * math.log(-LOW / HIGH) - SHUT))  # P(open) of a gate just shut


@method(
    unit="weights",
    when="training",
    schedule="settle",
    recover="none",
    recipe={"optimizer": "adam", "lr": 3e-3, "weight_decay": 0.0, "milestones": (0.9,)},
    paper="Louizos et al. 2018, arXiv:1712.01312; a gate per weight as Gale et al. 2019",
    label="log α of its gate",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def l0(
    net: nn.Module,
    data: Any,
    *,
    memory: Memory,
    course: Course,
    seed: int,
    penalty: Annotated[
        float, Range(0, 10, 0.01), "price λ of an open gate, over the examples"
    ] = 0.1,
    gate_lr: Annotated[float, Range(1e-4, 1, 1e-4), "learning rate of the gates"] = 0.02,
) -> Iterator[Scores | None]:
    """Learn for every weight a gate that is exactly 0 or 1 most of the time; prune shut ones.

    z = clip(s̄, 0, 1), s̄ = s(ζ − γ) + γ, s = sigmoid((log u − log(1 − u) + log α)/β), one draw a
    step. The loss is cross-entropy + λ/N · Σ P(z ≠ 0), P(z ≠ 0) = sigmoid(log α − β log(−γ/ζ)).
    The score is log α.
    Deviations: the method's own answer is log α > −log 11; exactly what was asked for stays
    instead, by rank, and a note says what its own answer would have kept. It is chosen at 80 % of
    training (settle=1: at the end, as published); then the gates become part of the weights and
    what is left trains on. Gates have a learning rate of their own, for short trainings. Gates of
    whole units and the average of weights over time are left out.
    """
    layers = trainable(net)
    gates = memory.parameters("log_alpha", layers, start=_start(seed), lr=gate_lr)
    count = len(examples(data)[1]) if data is not None else 1
    course.forward = {n: _gated(n, gates[n], course, seed) for n in layers}
    course.penalty = lambda: (
        penalty / count * torch.stack([opened(g).sum() for g in gates.values()]).sum()
    )
    course.shown = lambda: {n: w * final(gates[n]) for n, w in layers.items()}
    course.gates = Gates(
        "probability that the gate is open", _LEAST, "below",
        lambda: {n: opened(g) for n, g in gates.items()},
    )  # fmt: skip
    while not course.mask:
        with torch.no_grad():
            for gate in gates.values():
                gate.clamp_(-WIDEST, WIDEST)
        if course.due and course.step:
            break
        yield {n: g.detach().clone() for n, g in gates.items()}
    if not course.mask:
        course.note = _own(gates)
        with torch.no_grad():
            for name, w in layers.items():
                w.mul_(final(gates[name]))
    course.forward, course.penalty, course.shown, course.gates = {}, None, None, None
    yield {n: g.detach().clone() for n, g in gates.items()}
    while True:
        yield None


def sample(log_alpha: Tensor, u: Tensor) -> Tensor:
    """A gate in [0, 1] from a uniform number."""
    s = torch.sigmoid((u.log() - (1 - u).log() + log_alpha) / BETA)
    return (s * (HIGH - LOW) + LOW).clamp(0, 1)


def opened(log_alpha: Tensor) -> Tensor:
    """The probability that a gate is not 0."""
    return torch.sigmoid(log_alpha - BETA * math.log(-LOW / HIGH))


def final(log_alpha: Tensor) -> Tensor:
    """The gate of the test network."""
    return (torch.sigmoid(log_alpha) * (HIGH - LOW) + LOW).clamp(0, 1)


def _gated(name: str, log_alpha: Tensor, course: Course, seed: int) -> Any:
    def forward(layer: nn.Module, x: Tensor) -> Tensor:
        generator = seeded(seed, "gates", course.step, name)
        u = torch.rand(log_alpha.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
        weight: Any = layer.weight
        return affine(layer, x, weight * sample(log_alpha, u.to(weight)), layer.bias)

    return forward


def _start(seed: int) -> Any:
    def first(name: str, w: Tensor) -> Tensor:
        drawn = torch.randn(w.shape, generator=seeded(seed, "gates", name))
        return (0.01 * drawn).to(w)  # half open

    return first


def _own(gates: dict[str, Tensor]) -> str:
    kept = sum(int((g > SHUT).sum()) for g in gates.values())
    units = sum(g.numel() for g in gates.values())
    return f"The method's own answer, log α > −log 11, would keep {kept} of {units} weights."
