"""A grid of masks in one pass says what a loop of pruning and measuring says, cut by cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from prunelab import grid
from prunelab.masks import allocate, select
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


def test_masks_of_one_ranking_are_those_of_select():
    torch.manual_seed(0)
    scores = {"a": torch.randn(40, 5).round(), "b": torch.randn(7).round()}  # many ties
    mask = grid.masker(scores)
    for sparsity in SPARSITIES:
        keep = allocate(scores, sparsity, "global")
        wanted = select(scores, keep)
        assert all(torch.equal(mask(keep)[name], wanted[name]) for name in scores)
