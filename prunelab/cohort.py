"""Networks of one architecture trained together: their tensors stacked, one step for all of them.

Where networks are small a step is mostly the calls that begin its parts, and these are the same for
one network or fifty. Each has its own examples, mask, buffers and random numbers; the values of the
networks become views of the stack, and are those of a training alone but for the order in which
numbers are added up.
"""

from __future__ import annotations

import copy
import functools
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from prunelab import chain
from prunelab.course import by_classes
from prunelab.cover import INTEGERS
from prunelab.training import Training, nothing, set_lr, step

ENOUGH = 0.9  # of the time one after the other: together must take less to be chosen
TRIES, APART, TOGETHER = 3, 4, 16  # of a trial: times, and networks each way at most


def kind(training: Training, epoch: int) -> Hashable:
    """What must agree for trainings to go together; None where one must be alone.

    Alone are those of methods that learn along, whose steps are not the plain ones, networks
    that somebody watches: a hook would see the examples of all in the answers of the first; and
    those with values in several places, which torch cannot stand in for in a stack.
    """
    course, recipe = training.learner.course, training.recipe
    if any(m._forward_hooks or m._forward_pre_hooks for m in training.net.modules()):
        return None
    every = training.net.named_parameters(remove_duplicate=False)
    if len(list(every)) > len(list(training.net.parameters())):
        return None
    plain = course.loss is by_classes and not (course.forward or course.penalty or course.seen)
    if not plain or training.learner.update is not nothing or training.cover.latent:
        return None
    tensors = (*training.net.named_parameters(), *training.net.named_buffers())
    shapes = tuple((n, tuple(t.shape), t.dtype, t.requires_grad) for n, t in tensors)
    states = training.optimizer.state.values()
    age = next((float(s["step"]) for s in states if "step" in s), float(bool(states)))
    return shapes, replace(recipe, epochs=0), len(training.examples[0]), epoch, recipe.epochs, age


class Stack:
    """The tensors of several networks, one for each name with a row for each network."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.trainings, first = trainings, trainings[0]
        self.net = first.net
        self.parameters = {
            name: nn.Parameter(_joined(tensors), requires_grad=tensors[0].requires_grad)
            for name, tensors in _by_name(trainings, nn.Module.named_parameters).items()
        }
        buffers = _by_name(trainings, nn.Module.named_buffers)
        self.buffers = {name: _joined(tensors) for name, tensors in buffers.items()}
        self.optimizer = first.recipe.build(nn.ParameterList(self.parameters.values()))
        for group in self.optimizer.param_groups:
            group |= {"fused": True, "foreach": False}  # one pass over what it changes
        self._take_states()
        self.covers = [t.cover.parameters for t in trainings]
        self.masks = _masks(self.covers, self.parameters)
        self.chances = [torch.Generator(t.examples[0].device) for t in trainings]

    def holds(self, trainings: Sequence[Training]) -> bool:
        """Whether these are the trainings, with the values and masks it has."""
        return list(map(id, trainings)) == list(map(id, self.trainings)) and all(
            t.cover.parameters is cover
            and all(
                p.data_ptr() == self.parameters[name][row].data_ptr()
                for name, p in t.net.named_parameters()
            )
            for row, (t, cover) in enumerate(zip(trainings, self.covers, strict=True))
        )

    def losses(self, batch: Sequence[Tensor]) -> Tensor:
        """One step of every network, each with the examples of its row; the loss of each."""
        x, y = self._examples(batch)
        if chain.fits(self.net):
            answers = chain.answers(self.net, self.parameters, x)
        else:
            self.optimizer.zero_grad(set_to_none=True)
            call = functools.partial(_answers, self.net)
            answers = vmap(call)(self.parameters, self.buffers, x)
        losses, slope = _cross_entropy(answers.detach(), y)
        answers.backward(slope)  # type: ignore[no-untyped-call]
        for name, keep in self.masks.items():  # weights and states are zero there, and stay it
            if (gradient := self.parameters[name].grad) is not None:
                gradient.view(keep.dtype).bitwise_and_(keep)
        self.optimizer.step()
        return losses

    def _examples(self, batch: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Those of each network, stacked; read at once where all have the same data."""
        rows = torch.stack(list(batch))
        every = [t.examples for t in self.trainings]
        if len({x.data_ptr() for x, _ in every}) > 1:
            pairs = [(x[row], y[row]) for (x, y), row in zip(every, rows, strict=True)]
            return tuple(map(torch.stack, zip(*pairs, strict=True)))
        return tuple(
            part.index_select(0, rows.flatten()).view(*rows.shape, *part.shape[1:])
            for part in every[0]
        )

    def _take_states(self) -> None:
        """What the optimisers of the networks remember becomes rows of the stack's."""
        for name, parameter in self.parameters.items():
            own = [t.optimizer.state.get(t.net.get_parameter(name)) for t in self.trainings]
            if own[0]:
                self.optimizer.state[parameter] = {
                    key: torch.stack([o[key] for o in own if o]) if value.ndim else value.clone()
                    for key, value in own[0].items()
                }

    def give_states(self) -> None:
        """Each network's optimiser remembers its rows."""
        for name, parameter in self.parameters.items():
            state = self.optimizer.state.get(parameter, {})
            for row, training in enumerate(self.trainings):
                training.optimizer.state[training.net.get_parameter(name)] = {
                    key: value[row] if value.ndim else value.clone() for key, value in state.items()
                }

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Inside, dropout draws for each network what it would draw alone."""
        layers = [m for m in self.net.modules() if type(m) is nn.Dropout and m.p]
        for layer in layers:
            layer.__dict__["forward"] = functools.partial(_dropped, layer.p, self.chances)
        try:
            yield
        finally:
            for layer in layers:
                del layer.__dict__["forward"]


class _Drop(torch.autograd.Function):
    """Dropout over a stack, each row with a generator of its own."""

    @staticmethod
    def forward(x: Tensor, p: float, chances: Sequence[torch.Generator]) -> Tensor:
        raise NotImplementedError("Only a stack drops with several generators.")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing: autograd sees what ``vmap`` does."""

    @staticmethod
    def vmap(info: Any, dims: Any, x: Tensor, p: float, chances: Any) -> tuple[Tensor, int]:
        rows = x.movedim(dims[0], 0)
        kept = [
            torch.empty_like(row).bernoulli_(1 - p, generator=chance).div_(1 - p)
            for row, chance in zip(rows, chances, strict=True)
        ]
        return rows * torch.stack(kept), 0


def epoch_together(
    stack: Stack, epoch: int, chances: Sequence[Tensor]
) -> tuple[list[float], list[Tensor]]:
    """One pass over the examples by all; the mean loss of each, and where its chance is then.

    ``chances`` are the states of torch's random numbers, as each has them.
    """
    trainings = stack.trainings
    course = trainings[0].learner.course
    for generator, state in zip(stack.chances, chances, strict=True):
        generator.set_state(state)
    for training in trainings:
        training.net.train()
    total = torch.zeros(len(trainings), device=trainings[0].examples[0].device)
    with stack.dropping():
        for batch in zip(*(t.batches(epoch) for t in trainings), strict=True):
            set_lr(stack.optimizer, trainings[0].recipe, course.done)
            for training in trainings:
                training.learner.course.step += 1
            total += stack.losses(batch) * len(batch[0])
    stack.give_states()
    examples = len(trainings[0].examples[0])
    return [float(t) / examples for t in total], [g.get_state() for g in stack.chances]


def pays(trainings: Sequence[Training], epoch: int) -> bool:
    """Whether a step together takes less time than one after the other, tried on copies.

    More of them together than one after the other: the processor's cache may hold a few and not
    all. Networks that cannot be stacked do not pay.
    """
    some = trainings[:TOGETHER]
    batch = [t.batches(epoch)[0] for t in some]
    copies = list(map(_copied, some[:APART]))

    def in_turn() -> None:
        for one, rows in zip(copies, batch, strict=False):
            x, y = one.examples
            list(step(one, (x[rows], y[rows])))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # torch warns of what it does row by row
            stack = Stack(list(map(_copied, some)))
            with stack.dropping():
                together, apart = _seconds(lambda: stack.losses(batch), in_turn)
    except (RuntimeError, NotImplementedError, ValueError, UserWarning):
        return False
    return together / len(some) < ENOUGH * apart / len(copies)


def _cross_entropy(answers: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The mean loss of each row of a stack, and the slope of their sum at the answers.

    In closed form, share less truth: torch's own takes most of a small network's step.
    """
    above = answers - answers.amax(2, keepdim=True)
    slope, right = above.exp(), y.unsqueeze(2)
    total = slope.sum(2, keepdim=True)
    losses = (total.log() - above.gather(2, right)).mean((1, 2))
    slope.div_(total).scatter_add_(2, right, slope.new_full((), -1.0).expand(right.shape))
    return losses, slope.div_(y.shape[1])


def _dropped(p: float, chances: Sequence[torch.Generator], x: Tensor) -> Tensor:
    return _Drop.apply(x, p, chances)  # type: ignore[no-untyped-call, no-any-return]


def _answers(
    net: nn.Module, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], x: Tensor
) -> Tensor:
    return functional_call(net, {**parameters, **buffers}, (x,))  # type: ignore[no-any-return]


def _by_name(trainings: Sequence[Training], tensors: Any) -> dict[str, list[Tensor]]:
    every = [dict(tensors(t.net)) for t in trainings]
    return {name: [one[name] for one in every] for name in every[0]}


@torch.no_grad()
def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """One tensor of all; they become its rows."""
    whole = torch.stack([t.detach() for t in tensors])
    for tensor, row in zip(tensors, whole, strict=True):
        tensor.data = row
    return whole


def _masks(covers: Sequence[Mapping[str, Tensor]], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Integers whose bits are those that stay, of what any of the networks covers."""
    names = [name for name in like if any(name in cover for cover in covers)]
    return {
        name: torch.stack(
            [
                cover[name] if name in cover else torch.ones_like(row, dtype=torch.bool)
                for cover, row in zip(covers, like[name], strict=True)
            ]
        )
        .to(INTEGERS[like[name].element_size()])
        .neg_()
        for name in names
    }


def _copied(training: Training) -> Training:
    """One whose steps leave no trace in the other."""
    net = copy.deepcopy(training.net).train()
    learner = type(training.learner)()
    return replace(training, net=net, learner=learner, optimizer=training.recipe.build(net))


def _seconds(*calls: Callable[[], object]) -> list[float]:
    """The shortest of some turns of each: processor time, so that others do not count."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(1 + TRIES):  # the first warms up
        for call, times in zip(calls, taken, strict=True):
            begun = clock()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times.append(clock() - begun)
    return [min(times[1:]) for times in taken]
