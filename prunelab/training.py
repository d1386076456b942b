"""The one training loop. Masked weights, and all the optimiser remembers of them, stay zero."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunelab.events import Epoch, Event
from prunelab.measure.quality import quality
from prunelab.parts import Part, Parts


class Diverged(RuntimeError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained: the learning rate falls by ten at each of ``milestones``."""

    epochs: int
    lr: float = 0.1
    batch_size: int = 50
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    milestones: tuple[float, ...] = (0.5, 0.8)

    def build(self, net: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of this recipe for a network.

        Raises:
            ValueError: an optimiser that is neither sgd nor adam.
        """
        if self.optimizer == "adam":
            return torch.optim.Adam(net.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                net.parameters(),
                lr=self.lr,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
            )
        raise ValueError(f"optimizer must be sgd or adam, got {self.optimizer!r}.")


@dataclass
class Cover:
    """What stays zero in a network while it trains, and the sparsity that means.

    ``parameters`` maps parameter names to bool masks (True stays); the training loop reads it at
    every step, so a method that prunes while training replaces it.
    """

    parameters: Mapping[str, Tensor]
    sparsity: float = 0.0
    layers: Mapping[str, float] | None = None


Update = Callable[[nn.Module, float, Cover], Iterator[Event]]


def fit(
    net: nn.Module,
    parts: Parts,
    recipe: Recipe,
    *,
    phase: str,
    seed: int,
    cover: Cover,
    update: Update | None = None,
) -> Iterator[Event]:
    """Train a network in place; yields an Epoch after each pass over the training part.

    Args:
        net: any classifier that maps (n, ...) to (n, classes) logits.
        parts: the data; the test part is not touched.
        recipe: epochs, optimiser, learning rate.
        phase: names the epochs, and with ``seed`` fixes the order of the examples.
        seed: of the run.
        cover: what stays zero.
        update: called before the first step and after every step with the share of training that
            is done; may change ``cover``.

    Raises:
        Diverged: the loss became NaN or infinite.
    """
    device = next(net.parameters()).device
    x, y = tensors(parts.train, device)
    optimizer = recipe.build(net)
    steps = math.ceil(len(x) / recipe.batch_size)
    total = recipe.epochs * steps
    apply(net, cover, optimizer)
    if update:
        yield from update(net, 0.0, cover)
    for epoch in range(1, recipe.epochs + 1):
        net.train()
        order = torch.randperm(len(x), generator=seeded(seed, phase, epoch)).to(device)
        losses = torch.zeros((), device=device)
        for step in range(steps):
            done = (epoch - 1) * steps + step
            _set_lr(optimizer, recipe, done / total)
            chosen = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            losses += _step(net, optimizer, x[chosen], y[chosen], cover) * len(chosen)
            if update:
                yield from update(net, (done + 1) / total, cover)
        yield _epoch(net, parts, cover, (phase, epoch, recipe.epochs), float(losses) / len(x))


def _step(
    net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, cover: Cover
) -> Tensor:
    loss = cross_entropy(net(x), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    apply(net, cover, optimizer)
    return loss.detach()


@torch.no_grad()
def apply(net: nn.Module, cover: Cover, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Zero what is covered: the weights, their gradients and every optimiser state of their shape.

    Masking gradients alone is not enough: momentum and Adam's averages move a pruned weight on.
    """
    parameters = dict(net.named_parameters())
    for name, mask in cover.parameters.items():
        parameter, out = parameters[name], ~mask
        parameter.masked_fill_(out, 0.0)
        state = optimizer.state.get(parameter, {}) if optimizer else {}
        for value in state.values():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                value.masked_fill_(out, 0.0)


def zeros_kept(net: nn.Module, cover: Cover) -> bool:
    """Whether every covered weight is exactly zero."""
    parameters = dict(net.named_parameters())
    return all(not parameters[n][~mask].count_nonzero() for n, mask in cover.parameters.items())


def tensors(part: Part, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """A part of the data as tensors: x float32 (n, ...), y int64 (n,)."""
    return torch.from_numpy(part.x).to(device), torch.from_numpy(part.y).to(device)


def seeded(seed: int, *words: object) -> torch.Generator:
    """A generator of its own for each purpose, so that no phase disturbs another's numbers."""
    text = " ".join(map(str, (seed, *words)))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(number)


def _set_lr(optimizer: torch.optim.Optimizer, recipe: Recipe, done: float) -> None:
    lr = recipe.lr * 0.1 ** sum(done >= m for m in recipe.milestones)
    for group in optimizer.param_groups:
        group["lr"] = lr


def _epoch(
    net: nn.Module, parts: Parts, cover: Cover, place: tuple[str, int, int], loss: float
) -> Epoch:
    phase, epoch, epochs = place
    if not math.isfinite(loss):
        raise Diverged(f"The loss became {loss} in epoch {epoch} of {epochs} ({phase}).")
    if not zeros_kept(net, cover):
        raise RuntimeError(f"Pruned weights came back in epoch {epoch} ({phase}).")
    measured = quality(net, parts.validation, len(parts.classes))
    return Epoch(
        phase=phase,
        epoch=epoch,
        epochs=epochs,
        loss=loss,
        validation_loss=measured["loss"],
        accuracy=measured["accuracy"],
        sparsity=cover.sparsity,
        zeros_kept=True,
        layers=dict(cover.layers or {}),
    )
