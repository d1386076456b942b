"""Dead neurons fold away without a trace in the outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from prunelab.dead import fold_dead
from prunelab.spec import SpecError


def make_net(act, seed=0):
    torch.manual_seed(seed)
    layers = [nn.Linear(8, 12), act(), nn.Linear(12, 10), act(), nn.Dropout(0.5), nn.Linear(10, 3)]
    net = nn.Sequential(nn.Flatten(), *layers).double().eval()
    with torch.no_grad():
        net[1].weight[[2, 5]] = 0.0  # hear nothing
        net[3].weight[:, 7] = 0.0  # nobody listens
        net[3].weight[4] = 0.0
        net[3].weight[4, 2] = 1.0  # hears only a dead neuron: dead in its turn
    return net


@pytest.mark.parametrize("act", [nn.ReLU, nn.Sigmoid, nn.Tanh, nn.GELU])
def test_outputs_stay_and_dead_neurons_go(act):
    net = make_net(act)
    before = {n: t.clone() for n, t in net.state_dict().items()}
    folded = fold_dead(net)
    x = torch.randn(50, 8).double()
    assert torch.allclose(net(x), folded(x), atol=1e-12)
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())
    assert not folded[3].weight[:, [2, 5]].any()
    assert not folded[1].weight[7].any()
    assert not folded[6].weight[:, 4].any()
    left = sum(int(p.count_nonzero()) for p in folded.parameters())
    assert left < sum(int(p.count_nonzero()) for p in net.parameters())
    again = fold_dead(folded)
    assert all(
        torch.equal(a, b)
        for a, b in zip(folded.state_dict().values(), again.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([nn.Conv2d(1, 1, 1), nn.Linear(4, 4), nn.Linear(4, 4)], "found Conv2d"),
        ([nn.Linear(4, 4)], "found fewer than two linear layers"),
    ],
)
def test_only_chains_can_be_folded(layers, reason):
    with pytest.raises(SpecError, match=reason):
        fold_dead(nn.Sequential(*layers))


def test_a_layer_without_bias_cannot_take_it():
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        net[0].weight[1] = 0.0
    with pytest.raises(SpecError, match="A layer of 2 neurons has no bias to fold into"):
        fold_dead(net)
