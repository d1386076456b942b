"""What training costs: operations counted there and back, by hand."""

from __future__ import annotations

import torch
from torch import nn

from prunelab.measure.effort import effort


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
