"""Movement pruning, hard and soft: scores by hand, by numpy and by autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from labs import lab_of, train
from torch import nn

from prunelab.course import Course, Memory
from prunelab.events import Epoch, Pruned
from prunelab.learn import train_and_prune
from prunelab.methods.movement import movement
from prunelab.methods.soft_movement import soft_movement
from prunelab.probes import weights


def test_movement_is_the_sum_of_gradient_times_weight():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    memory, course = Memory(), Course(steps=5)
    method = movement(net, None, memory=memory, course=course)
    scores = next(method)
    mine = {n: np.zeros(w.shape) for n, w in weights(net).items()}
    x, y = torch.randn(20, 6).double(), torch.arange(20) % 3
    mask = {n: w.detach().abs() > 0.1 for n, w in weights(net).items()}
    for step in range(1, 6):
        course.step, course.mask = step, mask
        net.zero_grad()
        nn.functional.cross_entropy(net(x) * step, y).backward()
        for n, w in weights(net).items():
            mine[n] -= w.grad.numpy() * w.detach().numpy()
        next(method)
        for n, w in weights(net).items():
            assert not w.grad[~mask[n]].count_nonzero()
            assert w.grad[mask[n]].count_nonzero()
    assert all(np.allclose(scores[n], mine[n], atol=1e-12) for n in mine)


def test_movement_learns_scores_of_what_is_masked():
    """The gradient of the masked network reaches the score of a weight that is not in it."""
    job, lab = lab_of("movement", sparsity=0.9, epochs=4, begin=0.0, end=0.5)
    events = train_and_prune(job, lab)
    for event in events:
        if isinstance(event, Pruned) and event.round == event.rounds:
            break
    latent = {n: w.detach().clone() for n, w in weights(lab.net).items()}
    out = ~lab.mask["fc1"]
    assert latent["fc1"][out].count_nonzero() > 0.9 * int(out.sum())
    before = lab.learner.memory.tensors("moved", {})["fc1"].clone()
    epochs = (event for event in events if isinstance(event, Epoch))
    next(epochs), next(epochs)  # the first ends with the very step that chose the mask
    after = lab.learner.memory.tensors("moved", {})["fc1"]
    assert bool((after != before)[out].any())


def test_what_was_latent_is_zero_in_the_end_and_outputs_stay():
    job, lab = lab_of("movement", sparsity=0.8, epochs=3)
    x = torch.from_numpy(job.parts.validation.x)
    shown = [e.accuracy for e in train(job, lab) if isinstance(e, Epoch)]
    predicted = lab.net.eval()(x).argmax(1).numpy()
    assert float((predicted == job.parts.validation.y).mean()) == pytest.approx(shown[-1])
    for name, w in weights(lab.net).items():
        assert not w[~lab.mask[name]].count_nonzero()


def test_soft_movement_adds_the_slope_of_the_penalty():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    memory, course = Memory(), Course(steps=9)
    method = soft_movement(net, None, memory=memory, course=course, sparsity=0.5, penalty=3.0)
    next(method)
    scores = {n: memory.tensors("scores", {})[n] for n in weights(net)}
    with torch.no_grad():
        for s in scores.values():
            s.normal_()
    course.mask = {n: torch.rand(w.shape) < 0.5 for n, w in weights(net).items()}
    x, y = torch.randn(20, 6).double(), torch.arange(20) % 3
    nn.functional.cross_entropy(net(x), y).backward()
    dense = {n: w.grad.clone() for n, w in weights(net).items()}
    course.step = 1
    next(method)
    gone = 1 - sum(int(m.sum()) for m in course.mask.values()) / 36
    leaves = {n: s.detach().clone().requires_grad_() for n, s in scores.items()}
    loss = 3.0 * gone / 0.5 * sum(torch.sigmoid(s).mean() for s in leaves.values()) / 2
    loss.backward()
    for n, w in weights(net).items():
        assert torch.allclose(scores[n].grad, dense[n] * w.detach() + leaves[n].grad, atol=1e-12)
