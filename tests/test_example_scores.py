"""Scores of examples against their definitions, computed another way."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from prunelab.experiment import one_thread
from prunelab.job import prepare
from prunelab.methods.ccs import budgets
from prunelab.methods.condensed_nn import condense
from prunelab.methods.edited_nn import agreeing
from prunelab.methods.herding import herd
from prunelab.methods.k_center import farthest_first
from prunelab.methods.label_errors import confident_issues
from prunelab.parts import Part
from prunelab.rating.difficulty import by_class, embedding, keep_side, untied
from prunelab.rating.gradient_norms import gradient_norms
from prunelab.rating.margins import margins
from prunelab.rating.watching import Watched, chances, epochs_learned, fresh, seen
from prunelab.registry import METHODS
from prunelab.spec import RunSpec
from prunelab.training import tensors


@pytest.fixture(scope="module")
def job():
    """Digits with a fifth of the training labels wrong."""
    spec = RunSpec(
        method="aum", model="mlp", epochs=10, data_knobs={"flip": 0.2}, knobs={"runs": 1}
    )
    return prepare(spec)


@pytest.fixture(scope="module")
def watched(job):
    with one_thread():
        return seen(job.watch(job.parts))


def test_presented_logits_are_those_before_the_step(job):
    """With a learning rate too small to matter they are those of the fresh network, row by row."""
    quiet = replace(job.recipe, lr=1e-12, weight_decay=0.0, epochs=1)
    net = job.watch.build(5)
    (one,) = seen(replace(job.watch, recipe=quiet, build=lambda seed: net)(job.parts))
    with torch.no_grad():
        expected = net(torch.from_numpy(job.parts.train.x)).numpy()
    np.testing.assert_allclose(one.logits[0], expected, atol=1e-4)


def test_el2n_is_the_gradient_at_the_logits(job, watched):
    net = watched[0].model
    x, y = tensors(job.parts.train)
    logits = net(x).detach().requires_grad_()
    (slope,) = torch.autograd.grad(cross_entropy(logits, y, reduction="sum"), logits)
    truth = np.eye(10)[job.parts.train.y]
    error = np.linalg.norm(chances(net, job.parts.train, 10) - truth, axis=1)
    np.testing.assert_allclose(error, slope.norm(dim=1).numpy(), atol=1e-5)
    assert error.min() >= 0
    assert error.max() <= 2**0.5 + 1e-9


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 3, bias=False)),
        nn.Sequential(
            nn.Unflatten(1, (3, 2, 2)), nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(4, 3)
        ),
        nn.Sequential(nn.Linear(12, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3)),
        nn.Sequential(nn.Unflatten(1, (3, 4)), nn.Linear(4, 5), nn.Flatten(), nn.Linear(15, 3)),
    ],
    ids=["linear", "convolution", "batch-norm", "along a sequence"],
)
def test_grand_is_the_length_of_each_rows_own_gradient(net):
    torch.manual_seed(0)
    part = Part(np.random.default_rng(0).normal(size=(9, 12)).astype(np.float32), np.arange(9) % 3)
    net.train()
    found = gradient_norms(net, part)
    assert net.training
    net.eval()
    for row in range(9):
        net.zero_grad()
        x, y = torch.from_numpy(part.x[row : row + 1]), torch.from_numpy(part.y[row : row + 1])
        cross_entropy(net(x), y).backward()
        own = torch.cat([p.grad.flatten() for p in net.parameters()]).norm()
        assert found[row] == pytest.approx(float(own), rel=1e-5)


def test_forgetting_counts_a_recorded_trace():
    right = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 1]], bool).T
    logits = np.zeros((5, 4, 2), np.float32)
    logits[:, :, 0] = np.where(right, 1, -1)
    data = prepare(RunSpec(method="forgetting", model="mlp")).parts
    data = replace(data, classes=("a",), train=Part(np.zeros((4, 1), np.float32), np.zeros(4, int)))
    trace = [Watched(None, logits, np.empty(0, int))]
    assert epochs_learned(trace, data.train.y)[0].tolist() == right.tolist()
    counted = {
        never: METHODS["forgetting"].function(
            None, data, watched=trace, seed=0, never=never, keep="hardest"
        )["a"]
        for never in ("most", "none")
    }
    assert torch.floor(counted["most"]).tolist() == [2, 5, 0, 0]
    assert torch.floor(counted["none"]).tolist() == [2, 0, 0, 0]


def test_the_margin_is_that_of_the_definition():
    z = np.array([[[2.0, 5, 1], [0, 0, 3]], [[4.0, 1, 1], [1, 2, 3]]], np.float32)
    found = margins([Watched(None, z, np.empty(0, int))], np.array([0, 2]))
    assert found.tolist() == [((2 - 5) + (4 - 1)) / 2, (3 + 1) / 2]
    p = margins([Watched(None, z, np.empty(0, int))], np.array([0, 2]), "probabilities")
    assert (np.abs(p) <= 1).all()


def test_flipped_labels_are_found(job, watched):
    wrong, y = job.parts.wrong, job.parts.train.y
    assert roc_auc_score(wrong, -margins(watched, y)) > 0.97
    truth = np.eye(10)[y]
    early = seen(replace(job.watch, share=0.2)(job.parts))[0].model
    error = np.linalg.norm(chances(early, job.parts.train, 10) - truth, axis=1)
    assert roc_auc_score(wrong, error) > 0.95


def test_only_training_labels_are_flipped():
    right, flipped = (
        prepare(RunSpec(method="random-examples", model="mlp", data_knobs=knobs)).parts
        for knobs in ({}, {"flip": 0.3})
    )
    assert np.array_equal(right.train.y != flipped.train.y, flipped.wrong)
    assert flipped.wrong.mean() == pytest.approx(0.3, abs=1e-3)
    assert np.array_equal(right.validation.y, flipped.validation.y)
    assert np.array_equal(right.test_once().y, flipped.test_once().y)
    assert np.array_equal(right.train.x, flipped.train.x)


def test_herding_nears_the_mean_far_faster_than_random():
    h = load_digits().data[load_digits().target == 3].astype(float)
    mean = h.mean(0)
    order = herd(h, 20)
    assert len(set(order.tolist())) == 20
    random = np.random.default_rng(0)
    drawn = [np.linalg.norm(h[random.permutation(len(h))[:20]].mean(0) - mean) for _ in range(20)]
    assert np.linalg.norm(h[order].mean(0) - mean) < 0.4 * np.mean(drawn)
    total = np.zeros(h.shape[1])
    for t, row in enumerate(order[:5]):  # the definition, step by step
        free = np.setdiff1d(np.arange(len(h)), order[:t])
        gap = np.linalg.norm((t + 1) * mean - total - h[free], axis=1)
        assert free[gap.argmin()] == row
        total += h[row]


@given(st.integers(0, 10_000))
def test_the_farthest_first_radius_is_at_most_twice_the_best(seed):
    h = np.random.default_rng(seed).normal(size=(9, 2))
    _, near = farthest_first(h, 3)
    far = np.linalg.norm(h[:, None] - h[None], axis=2)
    best = min(far[:, list(s)].min(1).max() for s in itertools.combinations(range(9), 3))
    assert near.max() <= 2 * best + 1e-9


class Largest(TorchDispatchMode):
    """The largest tensor that any operation makes."""

    numbers = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.numbers = max(self.numbers, made.numel())
        return made


def test_farthest_first_never_holds_more_than_the_rows_themselves():
    h = np.random.default_rng(0).normal(size=(400, 8))
    with Largest() as largest:
        farthest_first(h, 50)
    assert 400 <= largest.numbers <= h.size  # all pairs would be 160,000


def test_farthest_first_picks_as_brute_force_and_never_twice():
    h = np.random.default_rng(1).normal(size=(60, 5))
    order, near = farthest_first(np.concatenate([h, h[:5]]), 65)
    assert sorted(order.tolist()) == list(range(65))
    order, near = farthest_first(h, 12)
    taken = [int(np.linalg.norm(h - h.mean(0), axis=1).argmin())]
    for _ in range(11):
        taken.append(int(np.linalg.norm(h[:, None] - h[taken], axis=2).min(1).argmax()))
    assert order.tolist() == taken
    np.testing.assert_allclose(
        near, np.linalg.norm(h[:, None] - h[taken], axis=2).min(1), atol=1e-6
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.floats(0, 1))
def test_strata_give_out_the_budget_and_no_more_than_they_hold(sizes, share):
    keep = int(share * sum(sizes))
    found = budgets(np.array(sizes), keep)
    assert sum(found.values()) == keep
    assert all(found[i] <= sizes[i] for i in found)
    full = [i for i in found if found[i] == sizes[i]]
    rest = [found[i] for i in found if i not in full]
    assert not rest or max(rest) - min(rest) <= 1


def test_ccs_draws_none_above_its_cut(job, watched):
    spec = replace(job.spec, method="ccs", sparsity=0.8, knobs={"beta": 0.3})
    choice = prepare(spec).choose(None, 0.8, watched=watched)
    hardest = np.argsort(margins(watched, job.parts.train.y), kind="stable")
    out = np.zeros(len(hardest), bool)
    out[hardest[: int(0.3 * len(hardest))]] = True
    by = by_class(out.astype(float), job.parts)
    assert all(not (by[name].bool() & choice.mask[name]).any() for name in by)


def test_confident_learning_on_a_case_done_by_hand():
    y = np.array([0, 0, 0, 1, 1, 1])
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.95, 0.05]])
    assert confident_issues(p, y).tolist() == [False, False, True, False, False, True]
    doubtful = np.array([[0.9, 0.1], [0.8, 0.2], [0.49, 0.51], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    assert not confident_issues(doubtful, y).any()


def test_a_condensed_store_is_right_about_every_row():
    x, y = load_digits(return_X_y=True)
    x = x[:600]
    store = condense(x, y[:600])
    assert len(store) < 200
    assert (KNeighborsClassifier(1).fit(x[store], y[store]).predict(x) == y[:600]).all()


def test_edited_neighbours_are_the_others():
    x = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [5.3]], np.float32)
    y = np.array([0, 0, 1, 1, 1, 1, 1])
    assert agreeing(x, y, 2).tolist() == [0.5, 0.5, 0.0, 1.0, 1.0, 1.0, 1.0]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers(0, 99))
def test_ties_are_broken_without_changing_the_order(values, seed):
    values = np.array(values, float)
    noisy = untied(values, seed)
    assert len(set(noisy.tolist())) == len(values)
    below = values[:, None] < values[None]
    assert (noisy[:, None] < noisy[None])[below].all()
    assert np.array_equal(noisy, untied(values, seed))


def test_each_side_keeps_what_it_says(job):
    hard = np.arange(len(job.parts.train.y), dtype=float)
    rows = by_class(hard, job.parts)

    def highest(side, skip=0.0):
        scores = keep_side(hard, side, skip, job.parts, 0)
        flat = torch.cat(list(scores.values()))
        return float(torch.cat(list(rows.values()))[flat.argmax()])

    assert highest("hardest") == hard.max()
    assert highest("easiest") == 0
    assert highest("middle") == np.median(hard)
    assert highest("hardest", 0.1) == len(hard) - round(0.1 * len(hard)) - 1


def test_a_difficulty_that_is_not_a_number_is_refused(job):
    hard = np.full(len(job.parts.train.y), np.nan)
    with pytest.raises(ValueError, match="have no finite difficulty"):
        keep_side(hard, "hardest", 0.0, job.parts, 0)


def test_features_are_what_the_last_layer_receives(job, watched):
    net = watched[0].model
    found = embedding(net, job.parts)
    x, _ = tensors(job.parts.train)
    with torch.no_grad():
        np.testing.assert_allclose(found, net[:-1](x).numpy(), atol=1e-5)
    assert embedding(None, job.parts).shape == (len(x), 50)


def test_a_fresh_copy_has_other_values_and_a_bare_parameter_is_refused():
    net = nn.Sequential(nn.Linear(3, 3))
    assert not torch.equal(fresh(net, 1)[0].weight, net[0].weight)
    assert torch.equal(fresh(net, 1)[0].weight, fresh(net, 1)[0].weight)
    net.register_parameter("scale", nn.Parameter(torch.ones(1)))
    with pytest.raises(ValueError, match="no reset_parameters"):
        fresh(net, 1)


def test_too_much_to_watch_is_refused(job, monkeypatch):
    monkeypatch.setattr("prunelab.rating.watching.MOST", 10)
    with pytest.raises(ValueError, match="watch a smaller share"):
        seen(job.watch(job.parts))
