"""What the exhibits work with: digits, two small networks, plain training, plain counting.

Everything is computed in double precision, from values drawn alike on every machine: a sum that
another processor rounds otherwise would turn a single-precision accuracy far down a curve.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunelab.parts import Part, Parts, split
from prunelab.registry import DATASETS


class Digits(NamedTuple):
    """Three parts of the digits: x (n, 1, 8, 8) float64, y (n,) int64."""

    x: Tensor
    y: Tensor
    x_validation: Tensor
    y_validation: Tensor
    x_test: Tensor
    y_test: Tensor


def parts() -> Parts:
    """The digits, split as every run splits them."""
    return split(DATASETS["digits"].function())


def digits() -> Digits:
    """The digits as tensors."""
    found = parts()
    tensors: list[Tensor] = []
    for part in (found.train, found.validation, found.test_once()):
        tensors += _tensors(part)
    return Digits(*tensors)


def _tensors(part: Part) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(part.x).double(), torch.from_numpy(part.y)


def mlp(seed: int = 0) -> nn.Sequential:
    """64 → 64 → 32 → 10."""
    net = nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(64, 64), nn.ReLU()),
        *(nn.Linear(64, 32), nn.ReLU()),
        nn.Linear(32, 10),
    )
    return _drawn(net, seed)


def cnn(seed: int = 0, widths: Sequence[int] = (16, 32, 32)) -> nn.Sequential:
    """Three convolutions with batch normalisation, of so many filters."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((1, *widths)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    end = nn.Linear(4 * widths[-1], 10)
    return _drawn(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), end), seed)


@torch.no_grad()
def _drawn(net: nn.Sequential, seed: int) -> nn.Sequential:
    """In double precision, evenly within ±1/√inputs as torch does, by steps that round one way."""
    draw = torch.Generator().manual_seed(seed)
    for layer in net.double():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bound = layer.weight[0].numel() ** -0.5
            for values in layer.parameters():
                evenly = torch.rand(values.shape, generator=draw, dtype=torch.float64)
                values.copy_((2 * evenly - 1) * bound)
    return net


def train(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    epochs: int = 15,
    *,
    lr: float = 0.1,
    seed: int = 0,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Plain training with momentum; ``after`` is called after every epoch."""
    optimiser = torch.optim.SGD(net.parameters(), lr, momentum=0.9, weight_decay=1e-4)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        net.train()
        for some in torch.split(torch.randperm(len(y), generator=order), 64):
            optimiser.zero_grad()
            cross_entropy(net(x[some]), y[some]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        after()


@torch.no_grad()
def right(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers."""
    net.eval()
    return float((net(x).argmax(1) == y).double().mean())


def matrices(net: nn.Module) -> list[Tensor]:
    """The weights of linear layers and convolutions, without their graph."""
    return [m.weight.data for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


def zeros(net: nn.Module) -> float:
    """Share of those weights that are nought."""
    found = torch.cat([w.flatten() for w in matrices(net)])
    return float((found == 0).double().mean())
