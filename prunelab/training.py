"""The one training loop. Masked weights, and all the optimiser remembers of them, stay zero."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Generator, Hashable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from prunelab.checkpoint import Place
from prunelab.course import Course, Memory
from prunelab.cover import Cover, apply, mask_gradients
from prunelab.events import Epoch, Event
from prunelab.forward import as_seen, shown
from prunelab.parts import Part, Parts
from prunelab.position import begin_from, go_on, position
from prunelab.probes import parameter_names
from prunelab.speech import phrase
from prunelab.standing import Standing, standing_of


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
            decay = self.weight_decay
            return torch.optim.Adam(net.parameters(), self.lr, weight_decay=decay, fused=True)
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                net.parameters(),
                lr=self.lr,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
            )
        raise ValueError(f"optimizer must be sgd or adam, got {self.optimizer!r}.")


def nothing() -> Iterator[Event]:
    """Changes nothing, tells nothing."""
    return iter(())


@dataclass
class Learner:
    """What goes along with training: called before the first step and after each backward pass.

    ``update`` may change the cover while the gradients are still dense. ``begin`` epochs count as
    done: their examples are skipped, and the learning rate is as after them. With a ``place`` each
    epoch is kept there, and a training that was interrupted goes on from it. ``watch`` is told the
    epoch that is done and how many there are, and answers what there is to see.
    """

    update: Callable[[], Iterator[Event]] = nothing
    memory: Memory = field(default_factory=Memory)
    course: Course = field(default_factory=Course)
    begin: int = 0
    place: Place | None = None
    watch: Callable[[int, int], list[Event]] = lambda epoch, epochs: []
    told: list[Event] = field(default_factory=list)

    def updated(self) -> Iterator[Event]:
        """What ``update`` tells, noted."""
        for event in self.update():
            self.told.append(event)
            yield event

    def watched(self, epoch: int, epochs: int) -> list[Event]:
        """What ``watch`` sees, noted."""
        seen = self.watch(epoch, epochs)
        self.told += seen
        return seen


def fit(
    net: nn.Module,
    parts: Parts,
    recipe: Recipe,
    *,
    phase: str,
    seed: int,
    cover: Cover,
    learner: Learner | None = None,
) -> Iterator[Event]:
    """Train a network in place; yields an Epoch after each pass over the training part.

    Args:
        net: any classifier that maps (n, ...) to (n, classes) logits.
        parts: the data; the test part is not touched.
        recipe: epochs, optimiser, learning rate.
        phase: names the epochs, and with ``seed`` fixes the order of the examples.
        seed: of the run.
        cover: what stays zero.
        learner: what goes along; the order is backward, update, gradients masked, optimiser step,
            weights and optimiser state masked.

    Raises:
        Diverged: the loss became NaN or infinite.
    """
    learner = learner or Learner()
    examples = tensors(parts.train, next(net.parameters()).device)
    optimizer, chance = recipe.build(net), (seed, phase)
    training = Training(
        net, examples, recipe, cover, learner, optimizer, chance, validation=parts.validation
    )
    steps = math.ceil(len(examples[0]) / recipe.batch_size)
    yield from _begin(net, optimizer, cover, learner, (steps, recipe.epochs))
    for epoch in range(learner.begin + 1, recipe.epochs + 1):
        training.standing = None
        loss = yield from PASS.get()(training, epoch)
        done = _epoch(
            shown(net, cover, learner.course),
            parts,
            cover,
            (phase, epoch, recipe.epochs),
            loss,
            training.standing,
        )
        learner.told.append(done)
        watched = learner.watched(epoch, recipe.epochs)
        if learner.place and learner.place.kept.due:
            learner.place.keep(position(net, optimizer, learner, epoch))
        yield from (done, *watched)


@dataclass
class Training:
    """A training in progress: all that one pass over its examples needs.

    ``standing`` is that after the pass, where whoever made it has measured it already.
    """

    net: nn.Module
    examples: tuple[Tensor, Tensor]
    recipe: Recipe
    cover: Cover
    learner: Learner
    optimizer: torch.optim.Optimizer
    chance: tuple[int, str]  # seed and phase: they fix the order of the examples
    validation: Part | None = None
    standing: Standing | None = None

    @functools.cached_property
    def layers(self) -> tuple[nn.Module, ...]:
        """Every module of the network, found once."""
        return tuple(self.net.modules())

    @functools.cached_property
    def layout(self) -> Hashable:
        """What its tensors are, by name, and how often; None where a value is in several places."""
        every = list(self.net.named_parameters(remove_duplicate=False))
        if len(every) > len(list(self.net.parameters())):
            return None
        tensors = (*every, *self.net.named_buffers())
        return tuple((n, tuple(t.shape), t.dtype, t.requires_grad) for n, t in tensors)

    def order(self, epoch: int) -> Tensor:
        """The examples of an epoch, by number."""
        x, (seed, phase) = self.examples[0], self.chance
        return torch.randperm(len(x), generator=seeded(seed, phase, epoch)).to(x.device)

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """The parameter name of each prunable weight, by layer name."""
        return parameter_names(self.net)

    def batches(self, epoch: int) -> tuple[Tensor, ...]:
        """The examples of each step of an epoch, by number."""
        return torch.split(self.order(epoch), self.recipe.batch_size)


def alone(training: Training, epoch: int) -> Generator[Event, None, float]:
    """One pass over the examples by one network; returns its mean loss."""
    (x, y), course = training.examples, training.learner.course
    training.net.train()
    losses = torch.zeros((), device=x.device)
    for chosen in training.batches(epoch):
        set_lr(training.optimizer, training.recipe, course.done)
        course.step += 1
        losses += (yield from step(training, (x[chosen], y[chosen]))) * len(chosen)
    return float(losses) / len(x)


Pass = Callable[[Training, int], Generator[Event, None, float]]
# How networks pass over their examples: several may do it together (``prunelab.together``).
PASS: ContextVar[Pass] = ContextVar("PASS", default=alone)


def _begin(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    cover: Cover,
    learner: Learner,
    length: tuple[int, int],
) -> Iterator[Event]:
    """Get ready for the first step, or for the one after a break."""
    steps, epochs = length
    held = learner.place.load() if learner.place else None
    if held:
        begin_from(held, net, learner)
        yield from learner.told
    learner.course.step, learner.course.steps = learner.begin * steps, epochs * steps
    apply(net, cover, optimizer)
    yield from learner.updated()
    for group in learner.memory.groups():
        optimizer.add_param_group(group)
    if held:
        go_on(held, net, optimizer, learner)
    else:
        yield from learner.watched(learner.begin, epochs)


def step(training: Training, examples: tuple[Tensor, Tensor]) -> Generator[Event, None, Tensor]:
    """Backward, update, gradients masked, optimiser, weights and its state masked."""
    net, cover, optimizer = training.net, training.cover, training.optimizer
    course, before = training.learner.course, cover.parameters
    with as_seen(net, cover, course, training.names):
        loss = course.loss(net(examples[0]), examples)
        _forget_gradients(optimizer)
        (loss + course.penalty() if course.penalty else loss).backward()  # type: ignore[no-untyped-call]
    yield from training.learner.updated()
    if not course.hold:
        if cover.parameters is not before and not cover.latent:
            mask_gradients(net, before)  # a weight that just came in was not in this forward pass
        optimizer.step()
    course.hold = False
    apply(net, cover, optimizer)
    return loss.detach()


def _forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """As ``zero_grad``, whose own upkeep takes several times as long."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def tensors(part: Part, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """A part of the data as tensors: x float32 (n, ...), y int64 (n,)."""
    return torch.from_numpy(part.x).to(device), torch.from_numpy(part.y).to(device)


def seeded(seed: int, *words: object) -> torch.Generator:
    """A generator of its own for each purpose, so that no phase disturbs another's numbers."""
    return torch.Generator().manual_seed(number(seed, *words))


def number(seed: int, *words: object) -> int:
    """A number of its own for each purpose, below 2^63."""
    text = " ".join(map(str, (seed, *words)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def set_lr(optimizer: torch.optim.Optimizer, recipe: Recipe, done: float) -> None:
    """The learning rate after a share of training."""
    fallen = 0.1 ** sum(done >= m for m in recipe.milestones)
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("first_lr", group["lr"]) * fallen


def _astray(net: nn.Module) -> str:
    """Where the numbers went first, in the order of the network."""
    lost = (name for name, p in net.named_parameters() if not p.isfinite().all())
    name = next(lost, "")
    return phrase(f": {name} holds NaN or infinity") if name else ""


def _epoch(
    net: nn.Module,
    parts: Parts,
    cover: Cover,
    place: tuple[str, int, int],
    loss: float,
    known: Standing | None,
) -> Epoch:
    phase, epoch, epochs = place
    if not math.isfinite(loss):
        raise Diverged(
            f"The loss became {loss} in epoch {epoch} of {epochs} ({phase}){_astray(net)}."
        )
    standing = known or standing_of(net, parts, cover)
    if not standing.zeros_kept:
        raise RuntimeError(f"Pruned weights came back in epoch {epoch} ({phase}).")
    return Epoch(
        phase=phase,
        epoch=epoch,
        epochs=epochs,
        loss=loss,
        validation_loss=standing.loss,
        accuracy=standing.accuracy,
        sparsity=cover.sparsity,
        zeros_kept=True,
        layers=dict(cover.layers or {}),
    )
