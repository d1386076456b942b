"""Paths of masked networks, against walking every one of them."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from prunelab.paths import live
from prunelab.probes import reached
from prunelab.registry import MODELS
from prunelab.spec import SpecError


def masks(net, share, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(p.shape, generator=drawn) < share
        for name, p in net.named_parameters()
        if name.endswith("weight") and p.dim() > 1
    }


@pytest.mark.parametrize("share", [0.2, 0.4, 0.7])
def test_paths_are_those_one_can_walk(share):
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    cover = masks(net, share)
    a, b, c = (cover[f"{i}.weight"] for i in (0, 2, 4))
    walks = [
        (i, j, k, o)
        for i, j, k, o in itertools.product(range(3), range(4), range(3), range(2))
        if a[j, i] and b[k, j] and c[o, k]
    ]
    found = live(net, (3,), cover)
    assert found.paths == len(walks)
    assert (found.outputs, found.of) == (len({w[3] for w in walks}), 2)
    assert found.kept == {"0": int(a.sum()), "2": int(b.sum()), "4": int(c.sum())}
    assert found.live == {
        "0": len({w[:2] for w in walks}),
        "2": len({w[1:3] for w in walks}),
        "4": len({w[2:] for w in walks}),
    }


def test_the_larger_of_two_inputs_does_not_hide_the_other():
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 1))
    found = live(net, (1, 2, 2), {})
    assert found.paths == 4
    assert isinstance(net[1], nn.MaxPool2d)  # a copy was changed, not the network


@pytest.mark.parametrize("name", ["lenet-5", "resnet-narrow", "vgg-small"])
@pytest.mark.parametrize("share", [0.5, 0.05, 0.005])
def test_outputs_agree_with_the_probe_of_runs(name, share):
    torch.manual_seed(0)
    net = MODELS[name].function((1, 8, 8), 10)
    if name == "lenet-5":
        net = MODELS[name].function((1, 28, 28), 10)
    shape = (1, 28, 28) if name == "lenet-5" else (1, 8, 8)
    cover = masks(net, share)
    with torch.no_grad():
        for parameter, mask in cover.items():
            net.get_parameter(parameter).mul_(mask)
    found = live(net, shape, cover)
    assert (found.outputs, found.of) == reached(net, shape)
    assert all(found.live[layer] <= found.kept[layer] for layer in found.kept)


def test_paths_through_normalisation_are_whole_numbers():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        net[1].weight.fill_(7.0)
        net[1].running_var.fill_(3.0)
    assert live(net, (1, 1, 1), {}).paths == pytest.approx(4)


def test_attention_has_no_paths():
    net = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 2))
    with pytest.raises(SpecError, match="flow through it is not defined"):
        live(net, (3,), {})
