"""What training costs: operations counted there and back, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from example_run import result
from torch import nn

from prunelab import figures
from prunelab.measure.effort import effort
from prunelab.spec import RunSpec


def test_there_and_back_of_two_layers():
    net = nn.Sequential(nn.Linear(10, 20, bias=False), nn.ReLU(), nn.Linear(20, 5, bias=False))
    there = 2 * (10 * 20 + 20 * 5)
    back = there + 2 * 20 * 5  # by every weight, and by what the second layer got; not by the input
    assert effort(net, torch.randn(3, 10)) == there + back


def test_zeros_count_and_nothing_changes():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    before = effort(net, torch.randn(1, 1, 8, 8))
    with torch.no_grad():
        net[0].weight.zero_()
    net[3].weight.requires_grad_(False)
    held = {name: value.clone() for name, value in net.state_dict().items()}
    assert effort(net, torch.randn(2, 1, 8, 8)) == before
    assert net.training
    assert not net[3].weight.requires_grad
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(held[name], value) for name, value in net.state_dict().items())


def trained(**changes):
    """A run of 100 examples: dense for 4 epochs, then 3 more; shrunk it costs a third."""
    told = {
        "dense": {"training": 30}, "recovered": {"training": 10},
        "settings": {"parts": {"train": 100}}, "plan": {"dense": 4, "round 1": 1, "recover": 2},
    }  # fmt: skip
    return replace(result(), **{**told, **changes})


@pytest.mark.parametrize(
    ("recover", "later"), [("finetune", 30), ("scratch-e", 10), ("scratch-b", 10)]
)
def test_only_training_from_scratch_pays_for_the_small_network(recover, later):
    found = figures.effort(trained(spec=RunSpec(recover=recover).to_json()))
    assert found == (30 * 100 * 4, 30 * 100 * 4 + later * 100 * 3)


@pytest.mark.parametrize("missing", [{"dense": {}}, {"settings": {}}, {"plan": {}}])
def test_what_was_not_counted_is_not_claimed(missing):
    assert figures.effort(trained(**missing)) is None
