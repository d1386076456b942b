"""RigL and SET against their oracles: what is dropped, what grows, what stays."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from labs import lab_of, train
from torch import nn

from prunelab import rewiring
from prunelab.course import Course
from prunelab.cover import Cover, apply
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.masks import select
from prunelab.methods import rigl
from prunelab.methods.set import set_
from prunelab.probes import weights
from prunelab.spec import RunSpec
from prunelab.training import Recipe


def test_rigl_pinned_step():
    w = torch.tensor([[0.5, -0.1, 0.3, 0.05, -0.7, 0, 0, 0, 0, 0]], requires_grad=True)
    w.grad = torch.tensor([[0.1, 0.9, 0.2, 0.05, 0.3, 0.8, -0.6, 0.2, 0.1, 0]])
    mask = torch.arange(10).reshape(1, 10) < 5
    scores = rigl.scores({"w": w}, {"w": mask}, 0.4)
    assert (scores["w"] == 2).nonzero()[:, 1].tolist() == [0, 2, 4]
    new = select(scores, {"w": 5})["w"]
    assert new.nonzero()[:, 1].tolist() == [0, 1, 2, 4, 5]
    grown = w.detach() * new
    assert grown[0, 1] == w[0, 1]  # dropped and grown again: it keeps its value
    assert grown[0, 5] == 0


def test_rigl_drops_along_a_cosine(monkeypatch):
    shares = []
    monkeypatch.setattr(rigl, "scores", lambda layers, mask, share: shares.append(share))
    net = nn.Sequential(nn.Linear(4, 4))
    course = Course(steps=1000)
    method = rigl.rigl(net, None, course=course, seed=0, every=1, drop=0.3, stop=1.0)
    next(method)
    course.mask = {"0": torch.eye(4, dtype=torch.bool)}
    for step in (100, 250, 500, 750, 900):
        course.step = step
        next(method)
    assert shares == pytest.approx([0.292658, 0.256066, 0.15, 0.043934, 0.007342], abs=1e-6)
    course.step = 1000
    next(method)
    assert len(shares) == 5


@pytest.mark.parametrize("method", ["rigl", "set"])
def test_rewiring_keeps_every_layer_as_full_as_it_was(method, monkeypatch):
    job, lab = lab_of(method, every=5, stop=0.9)
    counts, seen = set(), []
    plain = job.unit.cover

    def cover(net, data, mask):
        counts.add(tuple(int(m.sum()) for m in mask.values()))
        seen.append({n: m.clone() for n, m in mask.items()})
        return plain(net, data, mask)

    job = replace(job, unit=replace(job.unit, cover=cover))
    train(job, lab)
    assert len(counts) == 1
    assert len(seen) > 8
    assert all((a["fc1"] ^ b["fc1"]).any() for a, b in itertools.pairwise(seen[:6]))


def test_growing_alone_does_not_change_the_outputs():
    job, lab = lab_of("rigl", every=7)
    train(job, lab)
    x = torch.from_numpy(job.parts.train.x[:50])
    grown = copy.deepcopy(lab.net)
    cover = {f"{n}.weight": m | (torch.rand(m.shape) < 0.1) for n, m in lab.mask.items()}
    apply(grown, Cover(cover))
    assert torch.equal(lab.net(x), grown(x))


def test_rigl_without_dropping_is_static_training():
    static = fold(run(RunSpec(method="static", sparsity=0.9, epochs=3)))
    still = fold(run(RunSpec(method="rigl", sparsity=0.9, epochs=3, knobs={"drop": 0.0})))
    assert [e.loss for e in static.epochs] == [e.loss for e in still.epochs]
    moving = fold(run(RunSpec(method="rigl", sparsity=0.9, epochs=3)))
    assert [e.loss for e in moving.epochs] != [e.loss for e in still.epochs]


def test_rigl_sees_dense_gradients_of_the_masked_network_and_takes_no_step(monkeypatch):
    job, lab = lab_of("rigl", every=10, epochs=2)
    changes, steps = [], []
    plain, build = rigl.scores, Recipe.build

    def spy(layers, mask, share):
        changes.append(share)
        for name, w in layers.items():
            assert not w[~mask[name]].count_nonzero()
            assert mask[name].all() or w.grad[~mask[name]].count_nonzero()
        return plain(layers, mask, share)

    def counted(self, net):
        optimizer = build(self, net)
        optimizer.register_step_post_hook(lambda *_: steps.append(1))
        return optimizer

    monkeypatch.setattr(rigl, "scores", spy)
    monkeypatch.setattr(Recipe, "build", counted)
    train(job, lab)
    assert len(changes) == 3  # at steps 10, 20 and 30 of 44, the last within three quarters
    assert len(steps) == 44 - 3


def test_set_drops_the_smallest_of_each_sign():
    w = torch.tensor([0.1, 0.2, 0.3, 0.4, -0.5, -0.6, -0.7, -0.8, 0.9, 0.0])
    mask = w != 0
    left = rewiring.stays(w, mask, 0.5, "sign")
    assert left.nonzero().flatten().tolist() == [2, 3, 6, 7, 8]
    left = rewiring.stays(w, mask, 0.5, "magnitude")
    assert left.nonzero().flatten().tolist() == [4, 5, 6, 7, 8]


def test_set_grows_uniformly_over_what_is_empty():
    net = nn.Sequential(nn.Linear(10, 4))
    mask = torch.zeros(4, 10, dtype=torch.bool)
    mask[0] = True
    hits = torch.zeros(4, 10)
    for seed in range(600):
        course = Course(steps=100)
        method = set_(net, None, course=course, seed=seed, every=1, drop=0.4, decay=False)
        next(method)
        course.mask, course.step = {"0": mask}, 1
        hits += select(next(method), {"0": 10})["0"]
    left = rewiring.stays(net[0].weight.detach(), mask, 0.4, "magnitude")
    assert int(left.sum()) == 6
    drawn = hits[~left]
    expected = 600 * 4 / 34
    assert float(drawn.sum()) == 600 * 4
    assert float(((drawn - expected) ** 2 / expected).sum()) < 60  # χ² with 33 degrees of freedom
    assert bool((hits[left] == 600).all())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_the_optimiser_remembers_of_pruned_weights_is_zero_while_rewiring(optimizer):
    job, lab = lab_of("rigl", every=5)
    job = replace(job, train=replace(job.train, optimizer=optimizer, lr=1e-3))
    held = []
    plain = Recipe.build

    def build(self, net):
        held.append(plain(self, net))
        return held[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recipe, "build", build)
        train(job, lab)
    for name, w in weights(lab.net).items():
        for value in held[0].state[w].values():
            if torch.is_tensor(value) and value.shape == w.shape:
                assert not value[~lab.mask[name]].count_nonzero()
                assert value.count_nonzero()
