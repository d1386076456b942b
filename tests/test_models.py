"""The networks are those of the papers: layer names, sizes, multiply-adds, and what they refuse."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from prunelab.measure.macs import OTHERS, ideal_macs, macs
from prunelab.models.resnet import Block
from prunelab.probes import weights
from prunelab.registry import MODELS
from prunelab.spec import SpecError

LANGUAGE = [name for name in MODELS if "language model" in MODELS[name].traits]
NETWORKS = [n for n in MODELS if "network" in MODELS[n].traits and n not in LANGUAGE]
IMAGES = [name for name in NETWORKS if "convolutional" in MODELS[name].traits]


def build(name, shape, classes=10, **knobs):
    return MODELS[name].function(shape, classes, **knobs)


def prunable(net):
    return sum(w.numel() for w in weights(net).values())


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_all_networks_are_there():
    names = {"mlp", "lenet-300-100", "lenet-5", "vgg-small", "resnet-narrow"}
    assert names | {"resnet-20", "resnet-32", "resnet-56"} <= set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (2, 9, 13)])
def test_logits_for_images_of_any_size(name, shape):
    net = build(name, shape, 7)
    assert net(torch.randn(3, *shape)).shape == (3, 7)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in IMAGES])
def test_plain_networks_take_tables(name):
    assert build(name, (13,), 3)(torch.randn(4, 13)).shape == (4, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_first_weights(name):
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(build(name, (1, 8, 8)).state_dict())
    last = list(weights(build(name, (1, 8, 8))))[-1] + ".weight"
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])
    assert not torch.equal(nets[0][last], nets[2][last])


def examples_of(name):
    """A shape and four examples of it, for every kind of network of the registry."""
    if name in LANGUAGE:
        return [((16,), torch.randint(0, 10, (4, 16)))]
    return [(shape, torch.randn(4, *shape)) for shape in ((1, 8, 8), (3, 32, 32))]


@pytest.mark.parametrize("name", [n for n in MODELS if "network" in MODELS[n].traits])
def test_multiply_adds_of_every_network_are_half_the_flops_of_torchs_counter(name):
    traits = MODELS[name].traits
    for shape, x in examples_of(name):
        net = build(name, shape).eval()
        counter = FlopCounterMode(display=False)
        with sdpa_kernel(SDPBackend.MATH), counter, torch.no_grad():
            net(x[:1])
        layers = macs(net, x)
        assert 2 * sum(layers.values()) == counter.get_total_flops() > 0
        assert (OTHERS in layers) == bool({"attention network", "language model"} & traits)
        assert [layer for layer in layers if layer != OTHERS] == list(weights(net))


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [
        ("resnet-20", 269_722, 40_551_040),
        ("resnet-32", 464_154, 68_862_592),
        ("resnet-56", 853_018, 125_485_696),
    ],
)
def test_residual_networks_have_the_published_size(name, parameters, multiply_adds):
    net = build(name, (3, 32, 32))
    assert count(net) == parameters
    assert sum(macs(net, torch.randn(1, 3, 32, 32)).values()) == multiply_adds


def test_lenet_5_is_that_of_caffe():
    net = build("lenet-5", (1, 28, 28))
    assert list(weights(net)) == ["conv1", "conv2", "fc1", "fc2"]
    assert prunable(net) == 430_500
    assert macs(net, torch.randn(1, 1, 28, 28)) == {
        "conv1": 20 * 25 * 24 * 24,
        "conv2": 50 * 20 * 25 * 8 * 8,
        "fc1": 800 * 500,
        "fc2": 5000,
    }


def test_lenet_5_pads_small_images():
    assert weights(build("lenet-5", (1, 8, 8)))["fc1"].shape == (500, 50 * 2 * 2)
    assert weights(build("lenet-5", (1, 20, 20)))["fc1"].shape == (500, 50 * 2 * 2)
    with pytest.raises(SpecError, match=r"at least 4 x 4 pixels, got \[3, 9\]"):
        build("lenet-5", (1, 3, 9))


def test_lenet_300_100():
    net = build("lenet-300-100", (1, 28, 28))
    shapes = {name: tuple(w.shape) for name, w in weights(net).items()}
    assert shapes == {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
    assert prunable(net) == 266_200


def test_mlp_widths():
    net = build("mlp", (4,), 3, widths=" 7 - 5-6")
    assert [tuple(w.shape) for w in weights(net).values()] == [(7, 4), (5, 7), (6, 5), (3, 6)]
    assert [tuple(w.shape) for w in weights(build("mlp", (4,), 3, widths="")).values()] == [(3, 4)]


@pytest.mark.parametrize("widths", ["64,32", "0", "64--32", "-64", "8193", "²", "1e3"])
def test_mlp_refuses_widths_that_are_none(widths):
    with pytest.raises(SpecError, match=r"widths must be whole numbers from 1 to 8192 joined by"):
        build("mlp", (4,), 3, widths=widths)


@pytest.mark.parametrize(
    ("activation", "kind"),
    [("relu", nn.ReLU), ("tanh", nn.Tanh), ("gelu", nn.GELU), ("sigmoid", nn.Sigmoid)],
)
@pytest.mark.parametrize("name", ["mlp", "lenet-300-100", "lenet-5"])
def test_activation(name, activation, kind):
    net = build(name, (1, 8, 8), activation=activation)
    others = (nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid)
    assert {type(m) for m in net.modules() if isinstance(m, others)} == {kind}


def test_vgg_width_and_depth():
    net = build("vgg-small", (1, 8, 8), width=4, depth=2)
    layers = {name: w.shape[0] for name, w in weights(net).items()}
    assert layers == {
        "conv1_1": 4,
        "conv1_2": 4,
        "conv2_1": 8,
        "conv2_2": 8,
        "conv3_1": 16,
        "conv3_2": 16,
        "fc": 10,
    }


def test_the_shortcut_of_option_a_takes_no_parameters():
    block = Block(2, 4, stride=2)
    x = torch.randn(1, 2, 6, 6)
    y = block.shortcut(x)
    assert y.shape == (1, 4, 3, 3)
    assert torch.equal(y[:, 1:3], x[:, :, ::2, ::2])
    assert not y[:, [0, 3]].any()
    assert torch.equal(Block(2, 2, stride=1).shortcut(x), x)


class TestMacs:
    def test_zeros_are_free_in_the_ideal_count(self):
        net, x = build("mlp", (4,), 2, widths="8"), torch.randn(3, 4)
        assert (macs(net, x), ideal_macs(net, x)) == ({"fc1": 32, "fc2": 16}, 48)
        net.fc1.weight.data[:, 1:] = 0
        net.fc2.weight.data[0, :5] = 0
        assert ideal_macs(net, x) == 8 + 11

    def test_a_layer_called_twice_counts_twice_and_a_spare_one_not(self):
        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

            def forward(self, x):
                return self.a(self.a(x))

        assert macs(Twice(), torch.randn(2, 3)) == {"a": 18, "b": 0}

    def test_a_network_that_is_one_layer_has_a_name_for_it(self):
        assert macs(nn.Linear(3, 2), torch.randn(2, 3)) == {"weight": 6}

    def test_the_network_is_left_as_it_was(self):
        net = build("vgg-small", (1, 8, 8)).train()
        net.bn1_1.eval()
        before = {key: value.clone() for key, value in net.state_dict().items()}
        macs(net, torch.randn(2, 1, 8, 8))
        assert (net.training, net.conv1_1.training, net.bn1_1.training) == (True, True, False)
        assert not any(layer._forward_hooks for layer in net.modules())
        assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
