"""Networks of one architecture trained together: their tensors stacked, one step for all of them.

Where networks are small a step is mostly the calls that begin its parts, and these are the same for
one network or fifty. Each has its own examples, mask, buffers and random numbers; the values of the
networks become views of the stack, and are those of a training alone but for the order in which
numbers are added up.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from prunelab.course import by_classes
from prunelab.stack import Stack
from prunelab.standing import Standing
from prunelab.training import Training, nothing, set_lr, step

ENOUGH = 0.9  # of the time one after the other: together must take less to be chosen
LONG = 0.1  # seconds: a trial that has taken more is precise enough,
CLEAR = 2.0  # and one in which a way takes so many times as long as the other
TRIES, APART, TOGETHER = 3, 4, 16  # of a trial: times, and networks each way at most


def kind(training: Training, epoch: int) -> Hashable:
    """What must agree for trainings to go together; None where one must be alone.

    Alone are those of methods that learn along, whose steps are not the plain ones, networks
    that somebody watches: a hook would see the examples of all in the answers of the first; and
    those with values in several places, which torch cannot stand in for in a stack.
    """
    course = training.learner.course
    if any(m._forward_hooks or m._forward_pre_hooks for m in training.layers):
        return None
    own = course.forward or course.penalty or course.seen or course.shown
    if own or course.loss is not by_classes or training.learner.update is not nothing:
        return None
    if training.cover.latent or training.layout is None:
        return None
    states = training.optimizer.state.values()
    age = next((float(s["step"]) for s in states if "step" in s), float(bool(states)))
    return training.layout, training.recipe, len(training.examples[0]), epoch, age


class Passed(NamedTuple):
    """What a pass over the examples made of one network, and where its chance is then."""

    loss: float
    standing: Standing | None
    chance: Tensor


def epoch_together(stack: Stack, epoch: int, chances: Sequence[Tensor]) -> list[Passed]:
    """One pass over the examples by all.

    ``chances`` are the states of torch's random numbers, as each has them.
    """
    trainings, course = stack.trainings, stack.trainings[0].learner.course
    recipe, done = trainings[0].recipe, course.step
    if stack.drops:
        for generator, state in zip(stack.chances, chances, strict=True):
            generator.set_state(state)
    stack.net.train()
    orders = torch.stack([t.order(epoch) for t in trainings])
    total = torch.zeros(len(trainings), device=orders.device)
    with stack.dropping():
        for batch in torch.split(orders, recipe.batch_size, 1):
            set_lr(stack.optimizer, recipe, done / course.steps)
            total.add_(stack.losses(batch), alpha=batch.shape[1])
            done += 1
    for training in trainings:
        training.learner.course.step = done
    stack.give_states()
    losses = (total / orders.shape[1]).tolist()
    standings = stack.standings()
    after = [g.get_state() for g in stack.chances] if stack.drops else chances
    return list(map(Passed, losses, standings, after))


def pays(trainings: Sequence[Training], epoch: int) -> bool:
    """Whether a step together takes less time than one after the other, tried on copies.

    More of them together than one after the other: the processor's cache may hold a few and not
    all. Networks that cannot be stacked do not pay.
    """
    some = trainings[:TOGETHER]
    batch = torch.stack([t.batches(epoch)[0] for t in some])
    copies, one = list(map(_copied, some[:APART])), _copied(some[0])

    def in_turn() -> None:
        for one, rows in zip(copies, batch, strict=False):
            x, y = one.examples
            list(step(one, (x[rows], y[rows])))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # torch warns of what it does row by row
            stack = Stack([replace(one, cover=t.cover, examples=t.examples) for t in some])
            with stack.dropping():
                together, apart = _seconds(
                    (lambda: stack.losses(batch), len(some)), (in_turn, len(copies))
                )
    except (RuntimeError, NotImplementedError, ValueError, UserWarning):
        return False
    return together < ENOUGH * apart


def _copied(training: Training) -> Training:
    """One whose steps leave no trace in the other."""
    net = copy.deepcopy(training.net).train()
    learner = type(training.learner)()
    return replace(training, net=net, learner=learner, optimizer=training.recipe.build(net))


def _seconds(*calls: tuple[Callable[[], object], int]) -> list[float]:
    """The shortest turn of each call, by the networks it trains; the first turn warms up.

    Processor time, so that others do not count. Turns end when it is clear which call is faster.
    """
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(1 + TRIES):
        for (call, _), times in zip(calls, taken, strict=True):
            begun = clock()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times.append(clock() - begun)
        best = [min(t[1:] or t) / count for t, (_, count) in zip(taken, calls, strict=True)]
        long = number and sum(map(sum, taken)) > LONG
        if long or max(best) > CLEAR * min(best):
            break
    return best
