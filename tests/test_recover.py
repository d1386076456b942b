"""Lottery tickets, rewinding and the controls: which mask, which values, how long."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from prunelab import recover
from prunelab.artefacts import load_model
from prunelab.cover import Cover
from prunelab.events import Epoch, Pruned, fold
from prunelab.experiment import run
from prunelab.job import prepare
from prunelab.lab import Lab, put, state
from prunelab.masks import allocate
from prunelab.methods.iterative_magnitude import deviation, iterative_magnitude
from prunelab.methods.lottery_ticket import lottery_ticket
from prunelab.paths import alive
from prunelab.probes import weights
from prunelab.schedules import lottery
from prunelab.spec import RunSpec, SpecError
from prunelab.training import fit

LADDER = [80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88, 13.52, 10.83, 8.68, 6.95, 5.57]
LADDER += [4.47, 3.58, 2.87, 2.31, 1.85, 1.49]


def prepared(**changes):
    spec = RunSpec(method="lottery-ticket", sparsity=0.5, epochs=3, **changes)
    job = prepare(spec)
    net = job.build()
    lab = Lab(net=net, first=state(net), mask={}, cover=Cover({}))
    for _ in fit(net, job.parts, job.recipe, phase="dense", seed=0, cover=Cover({})):
        pass
    put(job, lab, job.choose(net, 0.5).mask)
    return job, lab


def test_the_ladder_of_lenet_is_that_of_the_paper():
    """L-1: fc1 and fc2 lose a fifth a round, the output layer a tenth."""
    torch.manual_seed(0)
    layers = [nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)]
    scores = lottery_ticket(nn.Sequential(*layers), None)
    sizes = {"0": 235_200, "2": 30_000, "4": 1_000}
    rate = {"0": 0.8, "2": 0.8, "4": 0.9}
    for number, percent in enumerate(LADDER, 1):
        exact = {n: size * rate[n] ** number for n, size in sizes.items()}
        kept = round(sum(exact.values()))
        assert 100 * kept / 266_200 == pytest.approx(percent, abs=0.005)
        found = allocate(scores, 1 - kept / 266_200)
        assert all(abs(found[n] - exact[n]) <= 1.5 for n in exact)


def test_rounds_of_the_lottery():
    steps = lottery(0.9, rate=0.2)
    assert len(steps) == 11
    assert steps[0] == pytest.approx(0.2)
    assert steps[-1] == 0.9
    assert lottery(0.36, rate=0.2) == pytest.approx((0.2, 0.36))
    assert lottery(0.9, rate=0.95) == (0.9,)
    assert lottery(0.0) == (0.0,)


def test_masks_of_rounds_are_nested_and_rewinding_restores_the_first_values(monkeypatch):
    loaded, nets = [], []
    plain = recover.fit

    def spy(net, parts, recipe, **how):
        loaded.append(state(net))
        nets.append(how["cover"].parameters)
        yield from plain(net, parts, recipe, **how)

    monkeypatch.setattr("prunelab.recover.fit", spy)
    spec = RunSpec(method="lottery-ticket", sparsity=0.6, epochs=1, knobs={"rate": 0.3})
    assert fold(run(spec)).status == "finished"
    first = prepare(spec).build().state_dict()
    assert len(loaded) == 3
    for values in loaded:
        assert all(torch.equal(values[n], first[n]) for n in first)
    for earlier, later in itertools.pairwise(nets):
        assert all(not (later[n] & ~earlier[n]).any() for n in later)


def test_late_rewinding_is_the_dense_network_of_that_epoch():
    job, lab = prepared(knobs={"rewind_epoch": 2})
    net = job.build()
    dense = fit(net, job.parts, job.recipe, phase="dense", seed=0, cover=Cover({}))
    next(dense), next(dense)
    early = state(net)
    first = {n: t.clone() for n, t in lab.first.items()}
    for event in recover.recover(job, lab, len(job.steps)):
        assert event.epoch == 3  # only the last epoch is left to train
    assert all(torch.equal(lab.early[n], early[n]) for n in early)
    assert all(torch.equal(lab.first[n], first[n]) for n in first)
    assert recover.plan(job)["round 4"] == 1


def test_learning_rate_rewinding_keeps_the_trained_values(monkeypatch):
    job, lab = prepared(recover="lr-rewind")
    trained = state(lab.net)
    seen = []
    plain = recover.fit

    def spy(net, parts, recipe, **how):
        seen.append((state(net), recipe))
        yield from plain(net, parts, recipe, **how)

    monkeypatch.setattr("prunelab.recover.fit", spy)
    list(recover.recover(job, lab, len(job.steps)))
    assert all(torch.equal(seen[0][0][n], trained[n]) for n in trained)
    assert seen[0][1] == job.recipe


def test_a_shuffled_mask_has_the_same_counts_and_nothing_else():
    job, lab = prepared()
    other = recover.shuffled(lab.mask, 0)
    assert {n: int(m.sum()) for n, m in other.items()} == {
        n: int(m.sum()) for n, m in lab.mask.items()
    }
    overlap = float((other["fc1"] & lab.mask["fc1"]).sum() / lab.mask["fc1"].sum())
    share = float(lab.mask["fc1"].float().mean())
    assert overlap == pytest.approx(share, abs=0.03)
    again = recover.shuffled(lab.mask, 0)
    assert all(torch.equal(other[n], again[n]) for n in other)
    assert not torch.equal(other["fc1"], recover.shuffled(lab.mask, 1)["fc1"])
    assert job.recover == "rewind"


@pytest.mark.parametrize("control", recover.CONTROLS)
def test_a_control_is_for_the_last_round_of_the_same_ticket(control):
    base = RunSpec(method="lottery-ticket", sparsity=0.5, epochs=2)
    ticket = list(run(base))
    other = list(run(replace(base, recover=control)))
    assert fold(other).status == "finished", fold(other).reason
    masks = [[e.layers for e in events if isinstance(e, Pruned)] for events in (ticket, other)]
    assert masks[0] == masks[1]
    losses = [[e.loss for e in events if isinstance(e, Epoch)] for events in (ticket, other)]
    assert losses[0][:8] == losses[1][:8]
    assert losses[0][8:] != losses[1][8:]


def test_scratch_b_trains_twice_as_long_where_half_the_multiply_adds_are_gone():
    spec = RunSpec(sparsity=0.9, epochs=2, recover="scratch-b")
    phases = [e.phase for e in run(spec) if isinstance(e, Epoch)]
    assert phases.count("recover") == 4
    phases = [e.phase for e in run(replace(spec, sparsity=0.0)) if isinstance(e, Epoch)]
    assert phases.count("recover") == 2
    structured = replace(spec, method="l1-filter", sparsity=0.5, recover="scratch-e")
    assert fold(run(structured)).status == "finished"


def test_what_was_learned_while_training_can_be_rewound():
    spec = RunSpec(method="rigl", sparsity=0.9, epochs=2, recover="rewind")
    events = list(run(spec))
    phases = [e.phase for e in events if isinstance(e, Epoch)]
    assert phases == ["dense"] * 2 + ["train"] * 2 + ["recover"] * 2
    assert fold(events).plan == {"dense": 2, "train": 2, "recover": 2}


def test_han_on_paper():
    """One step by hand: mask = |w| ≥ q·σ, σ of the weights still there, by layer."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(20, 15), nn.ReLU(), nn.Linear(15, 4))
    with torch.no_grad():
        net[0].weight.mul_(net[0].weight.abs() > 0.05)
    scores = iterative_magnitude(net, None, quality="2=0.5")
    for name, q in (("0", 1.0), ("2", 0.5)):
        w = net.get_submodule(name).weight.detach().numpy()
        sigma = w[w != 0].std()
        at_least = abs(w) >= 1.3 * q * sigma
        assert ((scores[name] >= 1.3).numpy() == at_least).all()
        assert at_least.any()
        assert not at_least.all()
    assert float(deviation(torch.zeros(3))) == 1.0


def test_han_can_let_weights_of_dead_neurons_go_first(tmp_path):
    """Counts stay exact; what stays has a path more often, and for most dead ones there is room."""
    off = {}
    for dead in (False, True):
        spec = RunSpec(
            method="iterative-magnitude", sparsity=0.98, epochs=3, recover_epochs=1,
            knobs={"rounds": 4, "dead": dead},
        )  # fmt: skip
        result = fold(run(spec, files=tmp_path / str(dead), dense=tmp_path))
        assert result.sparsity["achieved"] == 0.98
        net = load_model(tmp_path / str(dead))
        on = sum(int(mask.sum()) for mask in alive(net, (64,)).values())
        off[dead] = sum(int(w.count_nonzero()) for w in weights(net).values()) - on
    assert 0 < off[True] < off[False]


def test_dead_weights_rank_below_all_others_and_among_themselves():
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        net[2].weight[:, 1] = 0.0
    data = SimpleNamespace(shape=(3,))
    plain, found = (iterative_magnitude(net, data, dead=dead)["0"] for dead in (False, True))
    assert bool((found[1] < 0).all())
    assert bool((found[[0, 2]] >= 0).all())
    assert torch.equal(found[1].argsort(), plain[1].argsort())
    assert torch.equal(found[[0, 2]], plain[[0, 2]])


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        ("fc9=1", "no layer 'fc9'"),
        ("0=x", "q of 0 must be a number above 0, got 'x'"),
        ("0=-1", "q"),
    ],
)
def test_a_quality_that_makes_no_sense_is_named(quality, reason):
    net = nn.Sequential(nn.Linear(3, 3))
    before = copy.deepcopy(net)
    with pytest.raises(SpecError, match=reason):
        iterative_magnitude(net, None, quality=quality)
    assert torch.equal(weights(net)["0"], weights(before)["0"])
