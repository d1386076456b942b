"""Dead neurons fold away without a trace in the outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from prunelab.dead import fold_dead, without_dead
from prunelab.measure.size import size
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


def conv_net(padding, mode="zeros"):
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 5, 3, padding=padding, padding_mode=mode), nn.Tanh(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(20, 7), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(7, 3),
    ).double().eval()  # fmt: skip
    with torch.no_grad():
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.5, 2.0)
        net[1].bias.copy_(torch.tensor([1.0, 2.0, -3.0, 0.5, 1.0, 1.0]))
        net[0].weight[[0, 2]] = 0.0  # says a constant; says nothing, after ReLU
        net[4].weight[:, 5] = 0.0  # read by none
        net[4].weight[3] = 0.0
        net[4].weight[3, 2] = 1.0  # hears only what says nothing
        net[8].weight[4] = 0.0
    return net


@pytest.mark.parametrize(
    ("padding", "mode", "filters"), [(0, "zeros", 3), (1, "zeros", 4), (1, "replicate", 3)]
)
def test_filters_fold_and_go_where_that_changes_nothing(padding, mode, filters):
    net = conv_net(padding, mode)
    x = torch.randn(40, 1, 8, 8).double()
    folded, small = fold_dead(net), without_dead(net)
    assert torch.allclose(net(x), folded(x), atol=1e-12)
    assert torch.allclose(net(x), small(x), atol=1e-12)
    assert (small[0].out_channels, small[4].out_channels) == (filters, 4)
    assert small[1].num_features == small[4].in_channels == len(small[0].weight) == filters
    assert (small[8].out_features, small[11].in_features) == (6, 6)
    count = [sum(p.numel() for p in n.parameters()) for n in (net, small)]
    assert count[1] < count[0]


def test_a_network_pruned_to_nothing_keeps_its_shape_and_its_answer():
    net = make_net(nn.ReLU)
    with torch.no_grad():
        for layer in (net[1], net[3], net[6]):
            layer.weight.zero_()
    small = without_dead(net)
    x = torch.randn(5, 8).double()
    assert torch.allclose(net(x), small(x), atol=1e-12)
    assert (small[1].out_features, small[3].out_features) == (1, 1)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([nn.Conv2d(2, 2, 1, groups=2), nn.Linear(4, 4), nn.Linear(4, 4)], "found Conv2d"),
        ([nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)], "found LayerNorm"),
        ([nn.Linear(4, 4)], "found fewer than two layers"),
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


def test_the_size_without_dead_neurons_is_measured_where_that_is_exact():
    net = make_net(nn.ReLU)
    forms = size(net, net)
    assert forms["folded"] < forms["raw"] == forms["shrunk"]
    whole = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    assert size(whole, whole)["folded"] == size(whole, whole)["raw"]
    attended = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    assert "folded" not in size(attended, attended)
