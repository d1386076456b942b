"""A grid of masks in one pass says what a loop of pruning and measuring says, cut by cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from prunelab import grid, nested
from prunelab.masks import allocate, highest, select
from prunelab.measure.quality import quality
from prunelab.models.lenet_5 import lenet_5
from prunelab.models.mlp import mlp
from prunelab.models.resnet import resnet_narrow
from prunelab.parts import Part
from prunelab.probes import parameter_names, weights
from prunelab.registry import UNITS

SPARSITIES = (0.0, 0.3, 0.6, 0.9, 0.99)


class Counted(nn.Module):
    """Looks at its input as a number, which no stack can do."""

    def forward(self, x):
        return x * (2.0 if float(x.sum()) > 0 else 1.0)


def odd(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), Counted(), nn.Linear(12, classes))


def again(shape, classes):
    """One activation twice, as one writes it."""
    relu = nn.ReLU()
    layers = nn.Linear(64, 12), relu, nn.Linear(12, 12), relu, nn.Linear(12, classes)
    return nn.Sequential(nn.Flatten(), *layers)


@pytest.fixture
def part():
    rng = np.random.default_rng(0)
    return Part(rng.normal(size=(1100, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 1100))


@pytest.mark.parametrize("make", [mlp, lenet_5, resnet_narrow, odd])
def test_a_grid_is_the_loop(make, part, monkeypatch):
    torch.manual_seed(0)
    net = make((1, 8, 8), 10).train()
    scores = {name: w.detach().abs() for name, w in weights(net).items()}
    names = parameter_names(net)
    masks = [select(scores, allocate(scores, s, "global")) for s in SPARSITIES]
    looped = [UNITS["weights"].function().keep(net, None, mask) for mask in masks]
    monkeypatch.setattr(grid, "NUMBERS", 2 * sum(p.numel() for p in net.parameters()))  # 2 at once
    covers = [{names[layer]: m for layer, m in mask.items()} for mask in masks]
    found = grid.accuracies(net, part, covers)
    wanted = [quality(one, part, 10)["accuracy"] for one in looped]
    assert found == pytest.approx(wanted, abs=2 / 1100)  # of two equal answers another may win
    assert net.training
    assert all(bool(w.all()) for w in weights(net).values())  # the network itself is not cut


def shuffled(net, part, sparsities, scope="global"):
    """Covers in no order, and what each makes of the network in a loop."""
    scores = {name: w.detach().abs() for name, w in weights(net).items()}
    names = parameter_names(net)
    masks = [select(scores, allocate(scores, s, scope)) for s in sparsities]
    wanted = [
        quality(UNITS["weights"].function().keep(net, None, mask), part, 10)["accuracy"]
        for mask in masks
    ]
    return [{names[layer]: m for layer, m in mask.items()} for mask in masks], wanted


@pytest.mark.parametrize("make", [mlp, odd, again])
def test_nested_masks_are_the_loop_in_any_order(make, part, monkeypatch):
    torch.manual_seed(0)
    net = make((1, 8, 8), 10)
    monkeypatch.setattr(nested, "BATCH", 300)  # four batches, the last one smaller
    covers, wanted = shuffled(net, part, np.random.default_rng(0).permutation(40) / 40)
    asked = []
    plain = nested.answers
    monkeypatch.setattr(nested, "answers", lambda *a: asked.append(a[2]) or plain(*a))
    assert grid.accuracies(net, part, covers) == pytest.approx(wanted, abs=2 / 1100)
    assert asked == [40]


def test_a_first_layer_that_comes_again_is_no_first_layer():
    layer = nn.Linear(64, 64)
    net = nn.Sequential(nn.Flatten(), layer, nn.Tanh(), layer, nn.Linear(64, 10))
    assert nested.first(net) is None


def test_masks_that_are_not_nested_go_the_plain_way(part, monkeypatch):
    torch.manual_seed(0)
    net = mlp((1, 8, 8), 10)
    covers, wanted = shuffled(net, part, np.arange(20) / 20)
    gone = covers[5]["fc1.weight"].clone()
    gone[0, 0] = ~gone[0, 0]  # in or out alone at one sparsity
    covers[5] = covers[5] | {"fc1.weight": gone}
    monkeypatch.setattr(nested, "answers", None)
    found = grid.accuracies(net, part, covers)
    assert found[:5] + found[6:] == pytest.approx(wanted[:5] + wanted[6:], abs=2 / 1100)


def test_biases_that_go_and_a_whole_first_layer_go_the_plain_way(part, monkeypatch):
    torch.manual_seed(0)
    net = mlp((1, 8, 8), 10)
    covers, wanted = shuffled(net, part, np.arange(20) / 20)
    monkeypatch.setattr(nested, "answers", None)
    biases = torch.zeros(64, dtype=torch.bool)
    without = grid.accuracies(net, part, [cover | {"fc1.bias": biases} for cover in covers])
    with torch.no_grad():
        net.fc1.bias.zero_()
    assert without == pytest.approx(shuffled(net, part, np.arange(20) / 20)[1], abs=2 / 1100)
    assert without != wanted
    later = [{"fc2.weight": cover["fc2.weight"]} for cover in covers]
    assert len(grid.accuracies(net, part, later)) == 20


def test_the_highest_of_all_groups_are_those_of_masks():
    torch.manual_seed(0)
    scores = {"a": torch.randn(40, 5).round(), "b": torch.randn(7).round()}  # many ties
    best = grid.highest(scores)
    for keep in (0, 1, 50, 206, 207):
        wanted = highest(scores, keep)
        assert all(torch.equal(best(keep)[name], wanted[name]) for name in scores)


def test_masks_of_one_ranking_are_those_of_select():
    torch.manual_seed(0)
    scores = {"a": torch.randn(40, 5).round(), "b": torch.randn(7).round()}  # many ties
    mask = grid.masker(scores)
    for sparsity in SPARSITIES:
        keep = allocate(scores, sparsity, "global")
        wanted = select(scores, keep)
        assert all(torch.equal(mask(keep)[name], wanted[name]) for name in scores)
