"""Networks as one stack, and strands: what each is told is what it would be told alone."""

from __future__ import annotations

import functools
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from little import images, perceptron
from torch import nn

import prunelab as pl
from prunelab import cohort, standing, together
from prunelab.cover import Cover
from prunelab.measure.quality import quality
from prunelab.parts import Part
from prunelab.room import affordable
from prunelab.spec import SpecError
from prunelab.strands import Strand, ask
from prunelab.together import Work, side_by_side
from prunelab.training import Learner, Recipe, Training, fit, seeded, tensors


@pytest.fixture(scope="module")
def parts():
    return images()


def dropping():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)
    )


def stacked(parts, seeds=(0, 1, 2), make=perceptron, **changed):
    """Trainings as a stack has them, each with a mask of its own."""
    recipe = Recipe(**{"epochs": 2, "lr": 0.05, "batch_size": 16, **changed})
    trainings = []
    for seed in seeds:
        torch.manual_seed(seed)
        net = make()
        mask = torch.rand(net[1].weight.shape, generator=seeded(seed)) > 0.5
        net[1].weight.data.mul_(mask)
        chance, learner = (seed, "dense"), Learner()
        trainings.append(
            Training(net, tensors(parts.train), recipe, Cover({"1.weight": mask}), learner,
                     recipe.build(net), chance, validation=parts.validation)
        )  # fmt: skip
    return cohort.Stack(trainings)


@pytest.mark.parametrize("make", [perceptron, dropping])
def test_standings_are_those_of_each_network_alone(make, parts):
    stack = stacked(parts, make=make)
    found = stack.standings()
    for one, its in zip(stack.trainings, found, strict=True):
        alone = quality(one.net, parts.validation, 3)
        assert its.accuracy == alone["accuracy"]
        assert its.loss == pytest.approx(alone["loss"], rel=1e-5)
        assert one.net.training
    assert all(s.zeros_kept for s in found)
    assert len({s.loss for s in found}) == 3


def test_epochs_tell_how_each_network_does_as_alone(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(together, "pays", lambda *_: True)
    recipe, measured = Recipe(epochs=2, lr=0.05, batch_size=16), []

    def told(seed):
        torch.manual_seed(seed)
        events = fit(dropping(), parts, recipe, phase="a", seed=seed, cover=Cover({}))
        return [(e.loss, e.validation_loss, e.accuracy) for e in events]

    alone = [told(seed) for seed in (0, 1)]
    monkeypatch.setattr(standing, "quality", lambda *_: measured.append(1))
    works = [Work(pl.RunSpec(seed=s), lambda s=s: told(s), tmp_path) for s in (0, 1)]
    np.testing.assert_allclose(side_by_side(works, lambda: None), alone, rtol=1e-3)
    assert not measured  # nobody measures again what the pass has measured


@pytest.mark.parametrize("changed", [{}, {"momentum": 0.0}, {"optimizer": "adam", "lr": 1e-3}])
def test_steps_of_a_stack_are_those_of_the_optimiser_to_the_bit(changed, parts, monkeypatch):
    def after():
        stack = stacked(parts, **changed)
        for batch in torch.arange(3 * 3 * 16).view(3, 3, 16) % len(parts.train.y):
            stack.losses(batch)
        states = [value for s in stack.optimizer.state.values() for value in s.values()]
        return [*map(torch.clone, stack.parameters.values()), *filter(torch.is_tensor, states)]

    found = after()
    monkeypatch.setattr(cohort.Stack, "_optimise", lambda stack: stack.optimizer.step())
    assert all(map(torch.equal, found, after()))


def test_a_weight_that_comes_back_is_seen_where_it_is(parts):
    stack = stacked(parts)
    second = stack.trainings[1]
    with torch.no_grad():
        second.net[1].weight[~second.cover.parameters["1.weight"]] = 1e-30
    assert [s.zeros_kept for s in stack.standings()] == [True, False, True]


def test_networks_with_validation_parts_of_their_own_are_measured_one_by_one(parts):
    stack = stacked(parts)
    own = Part(parts.validation.x.copy(), parts.validation.y)
    stack.trainings[1].validation = own
    assert cohort.Stack(stack.trainings).standings() == [None, None, None]


@pytest.mark.parametrize(
    ("takes", "other", "turns"), [(1, 1, 4), (20, 20, 2), (15, 15, 3), (1, 3, 1)]
)
def test_a_trial_ends_early_where_its_calls_take_long_or_it_is_clear(
    takes, other, turns, monkeypatch
):
    now, called = [0.0], []
    monkeypatch.setattr(cohort.time, "process_time", lambda: now[0])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def call(milliseconds):
        called.append(1)
        now[0] += milliseconds / 1000

    ways = (lambda: call(takes), 1), (lambda: call(2 * other), 2)
    assert cohort._seconds(*ways) == pytest.approx([takes / 1000, other / 1000])
    assert len(called) == 2 * turns


def test_the_parameters_of_a_network_are_counted_once_and_the_limit_asked_each_time(monkeypatch):
    built = []

    def make(width, *, depth):
        built.append((width, depth))
        return nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))

    for width, depth in ((3, 1), (3, 1), (3, 2), (4, 2)):
        affordable(functools.partial(make, width, depth=depth))
    assert built == [(3, 1), (3, 2), (4, 2)]
    monkeypatch.setattr("prunelab.room.limits", lambda: SimpleNamespace(parameters=11))
    with pytest.raises(SpecError, match="would have 12 parameters"):
        affordable(functools.partial(make, 3, depth=1))


def test_what_a_strand_draws_is_its_own_whatever_others_draw_between():
    def draws():
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        torch.manual_seed(0)
        for _ in range(2):
            yield np.random.rand(), random.random(), float(torch.rand(()))  # noqa: NPY002
            ask("and now?")
        yield np.random.rand(), random.random(), float(torch.rand(()))  # noqa: NPY002

    strands = [Strand(lambda: list(draws())) for _ in range(2)]
    for _ in range(3):
        for strand in strands:
            strand.resume()
    one, two = (s.result for s in strands)
    assert one == two
    assert len(set(one)) == 3
