"""Removing units for real changes nothing but the size: on every shape of network we know of."""

import copy

import pytest
import safetensors.torch
import torch
from architectures import NETS, awake, built, shared_and_tied
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from prunelab.measure.macs import macs
from prunelab.registry import MODELS
from prunelab.surgery import (
    apart,
    apply_indices,
    cover,
    keep_indices,
    plan,
    rebuilt,
    shrink,
    zero,
)
from prunelab.surgery.trace import quietly


def some(plan, seed):
    generator = torch.Generator().manual_seed(seed)
    masks = {}
    for c in plan.classes:
        mask = torch.rand(c.size, generator=generator) < 0.6
        mask[torch.randint(c.size, (), generator=generator)] = True
        masks[c.name] = mask
    return masks


def masked(plan, net, masks):
    copied = copy.deepcopy(net)
    zero(copied, cover(plan, net, masks))
    return copied


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(params=NETS)
def case(request):
    torch.manual_seed(0)
    build, classes = NETS[request.param]
    return awake(build()), torch.randn(3, 1, 8, 8, dtype=torch.float64), classes


def test_the_small_network_computes_what_the_masked_one_does(case):
    net, x, classes = case
    before = copy.deepcopy(net.state_dict())
    random = torch.get_rng_state()
    found = plan(net, x)
    assert len(found.classes) == classes
    for seed in range(5):
        masks = some(found, seed)
        small = shrink(found, net, masks)
        assert torch.equal(torch.get_rng_state(), random)
        in_singles(found, net, masks, x)
        with torch.no_grad():
            wanted = masked(found, net, masks)(x)
            torch.testing.assert_close(small(x), wanted, atol=1e-9, rtol=1e-9)
            something = any(not mask.all() for mask in masks.values())
            assert ((wanted - net(x)).abs().max() > 1e-6) == something
        assert (count(small) < count(net)) == something
        assert sum(macs(small, x).values()) <= sum(macs(net, x).values())
    assert all(torch.equal(before[name], t) for name, t in net.state_dict().items())


def test_each_class_alone_and_one_after_the_other(case):
    net, x, _ = case
    found = plan(net, x)
    masks = some(found, seed=7)
    small = net
    for c in found.classes:
        alone = shrink(found, net, {c.name: masks[c.name]})
        torch.testing.assert_close(alone(x), masked(found, net, {c.name: masks[c.name]})(x))
        small = shrink(plan(small, x), small, {c.name: masks[c.name]})
    at_once = shrink(found, net, masks)
    assert at_once.state_dict().keys() == small.state_dict().keys()
    for name, tensor in at_once.state_dict().items():
        assert torch.equal(tensor, small.state_dict()[name]), name


def in_singles(found, net, masks, x):
    """The law in float32, with the masks of float64."""
    single = copy.deepcopy(net).float()
    with torch.no_grad():
        wanted, got = (
            masked(found, single, masks)(x.float()),
            shrink(found, single, masks)(x.float()),
        )
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def values(net):
    """All tensors of a network by name, each on its own: what a file holds."""
    return {name: t.clone().contiguous() for name, t in net.state_dict().items()}


def test_nine_of_ten_layers_and_more_are_offered():
    """Of layers that neither make the answers nor would change them without some units."""
    offered, others = 0, {}
    for name, (build, _) in NETS.items():
        torch.manual_seed(0)
        found = plan(awake(build()), torch.randn(3, 1, 8, 8, dtype=torch.float64))
        offered += sum(len(c.producers) for c in found.classes)
        others |= {(name, n): w for n, w in found.frozen.items() if "outputs of the net" not in w}
    assert offered > 90
    assert len(others) < 0.1 * offered, others


def test_layers_know_their_new_sizes(case, request):
    net, x, _ = case
    found = plan(net, x)
    small = shrink(found, net, some(found, seed=1))
    for layer in small.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.weight.shape[:2] == (layer.out_channels, layer.in_channels // layer.groups)
        if isinstance(layer, nn.ConvTranspose2d):
            assert layer.weight.shape[:2] == (layer.in_channels, layer.out_channels)
        if isinstance(layer, nn.Linear):
            assert layer.weight.shape == (layer.out_features, layer.in_features)
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.num_features == len(layer.running_mean) == len(layer.weight)
    bare = awake(NETS[request.node.callspec.params["case"]][0](), seed=9)
    again = apply_indices(bare, keep_indices(found, some(found, seed=1)))
    assert not torch.equal(again(x), small(x))
    again.load_state_dict(safetensors.torch.load(safetensors.torch.save(values(small))))
    assert torch.equal(again(x), small(x))
    torch.testing.assert_close(again(x[:1]), small(x)[:1])  # any batch size


def test_masked_training_is_training_the_small_network():
    net = awake(built("vgg-small", width=4)())
    x, y = torch.randn(16, 1, 8, 8, dtype=torch.float64), torch.arange(16) % 10
    found = plan(net, x)
    masks = some(found, seed=2)
    covered = cover(found, net, masks)
    nets = [masked(found, net, masks).train(), shrink(found, net, masks).train()]
    for one in nets:
        optimizer = torch.optim.SGD(one.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(one(x), y).backward()
            optimizer.step()
            if one is nets[0]:
                zero(one, covered)
        one.eval()
    torch.testing.assert_close(nets[0](x), nets[1](x), atol=1e-9, rtol=1e-9)
    assert (nets[0](x) - net(x)).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}),
        (torch.optim.AdamW, {"lr": 0.01, "amsgrad": True}),
    ],
)
def test_an_optimiser_goes_on_where_it_was(kind, options):
    net = awake(built("vgg-small", width=4)()).train()
    x, y = torch.randn(16, 1, 8, 8, dtype=torch.float64), torch.arange(16) % 10
    found = plan(net, x)
    masks = some(found, seed=2)
    covered = cover(found, net, masks)

    def train(one, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(one(x), y).backward()
            optimizer.step()
            zero(one, covered if one is net else {})

    layers = [{"params": [p]} for p in net.parameters()]
    layers[0]["lr"] = 0.03
    optimizer = kind(layers, **options)
    zero(net, covered)
    train(net, optimizer, 3)
    small = shrink(found, net, masks)
    again = rebuilt(optimizer, net, small, keep_indices(found, masks))
    assert type(again) is kind
    assert again.param_groups[0]["lr"] == 0.03
    before = copy.deepcopy(optimizer.state_dict())
    train(small, again, 3)
    assert all(torch.equal(v, before["state"][0][k])
               for k, v in optimizer.state_dict()["state"][0].items()
               if isinstance(v, torch.Tensor))  # fmt: skip
    train(net, optimizer, 3)
    torch.testing.assert_close(small.eval()(x), net.eval()(x), atol=1e-9, rtol=1e-9)
    with pytest.raises(ValueError, match="not in both networks"):
        rebuilt(optimizer, small, small, {})


def test_modes_gradients_and_ties_are_kept():
    net = shared_and_tied().train()
    net.c.eval()
    net.a.bias.requires_grad = False
    net.d.weight = net.c.weight  # never in one place with a different shape
    net.d.bias = None
    net.d.in_features, net.d.out_features = 9, 7
    found = plan(net, torch.randn(2, 1, 8, 8))
    small = shrink(found, net, some(found, seed=0))
    assert small.d.weight is small.c.weight
    assert small.d.weight.shape[1] < 9
    assert (small.training, small.c.training, net.training) == (True, False, True)
    assert not small.a.bias.requires_grad
    assert small.a.weight.requires_grad


def test_li_table_1():
    shape = (3, 32, 32)
    net = MODELS["resnet-56"].function(shape, 10)
    x = torch.randn(1, *shape)
    found = plan(net, x)
    assert (sum(macs(net, x).values()), count(net)) == (125_485_696, 853_018)

    def pruned(shares, skipped):
        masks = {}
        for i in range(27):
            if 2 * i + 2 not in skipped:
                name = f"stage{i // 9 + 1}.{i % 9}.conv1"
                n = 16 * 2 ** (i // 9)
                masks[name] = torch.arange(n) < int(n * (1 - shares[i // 9]))
        small = shrink(found, net, masks)
        return sum(macs(small, x).values()), count(small)

    assert pruned((0.1, 0.1, 0.1), {16, 20, 38, 54}) == (112_435_840, 773_336)
    assert pruned((0.6, 0.3, 0.1), {16, 18, 20, 34, 38, 54}) == (90_907_264, 735_712)


def vgg_16(x):
    """VGG-16 for small images, as Li et al. have it."""
    layers, ins = [], 3
    for width in (64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"):
        if width == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(ins, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            ins = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(),
                         nn.Linear(512, 10))  # fmt: skip


def test_li_vgg_16_a():
    x = torch.randn(1, 3, 32, 32)
    net = vgg_16(x)
    assert sum(macs(net, x).values()) == 313_463_808
    convolutions = [n for n, layer in net.named_modules() if isinstance(layer, nn.Conv2d)]
    halved = {convolutions[i] for i in (0, *range(7, 13))}
    found = plan(net, x)
    masks = {
        c.name: torch.arange(c.size) < c.size // (2 if c.name in halved else 1)
        for c in found.classes
    }
    small = shrink(found, net, masks)
    assert sum(macs(small, x).values()) == 206_279_680


def test_hrank_resnet_56_outputs_only_and_real():
    net, x = MODELS["resnet-56"].function((3, 32, 32), 10), torch.randn(1, 3, 32, 32)
    rates = [0.1, *[0.6] * 35, 0.0, 0.0, *[0.6] * 6, *[0.4] * 3, *[0.1, 0.4] * 4]
    names = ["conv1"] + [
        f"stage{s}.{b}.conv{c}" for s in (1, 2, 3) for b in range(9) for c in (1, 2)
    ]
    counted = macs(net, x)
    kept = {
        n: 1 - int(w * r) / w
        for n, r in zip(names, rates, strict=True)
        for w in [net.get_submodule(n).out_channels]
    }
    assert round(sum(counted[n] * kept[n] for n in names) + counted["fc"]) == 62_715_520
    found = plan(net, x)
    masks = {
        n: torch.arange(w) < round(w * kept[n])
        for n in names
        for w in [net.get_submodule(n).out_channels]
        if n.endswith("conv1") and n != "conv1"
    }
    small = shrink(found, net, masks)
    real = macs(small, x)
    shared = [n for n in names if n not in masks]  # zero maps of what shortcuts add stay alive
    total = sum(real[n] * (kept[n] if n in shared else 1) for n in names) + real["fc"]
    assert round(total) == 48_443_968


def test_networks_of_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(3, 6), nn.Linear(6, 2)

        def forward(self, x, y):
            return {"out": self.c(torch.relu(self.a(x) + self.b(y)))}

    net, example = Two(), (torch.randn(2, 4), torch.randn(2, 3))
    found = plan(net, example)
    assert [(c.name, c.size, c.producers) for c in found.classes] == [("a", 6, ("a", "b"))]
    masks = {"a": torch.arange(6) < 2}
    assert apart(masked(found, net, masks), shrink(found, net, masks), example) < 1e-12
    assert apart(net, shrink(found, net, masks), example) > 1e-3


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"fc9": torch.ones(3, dtype=torch.bool)}, "There is no class 'fc9'; there are: fc1, fc2"),
        ({"fc1": torch.ones(3, dtype=torch.bool)}, "mask of fc1 must be 64 bools, got torch.bool"),
        ({"fc1": torch.ones(64)}, "mask of fc1 must be 64 bools, got torch.float32"),
        ({"fc1": torch.zeros(64, dtype=torch.bool)}, "fc1 must keep at least one of 64 units"),
    ],
)
def test_wrong_masks_are_refused(masks, message):
    net = MODELS["mlp"].function((9,), 3)
    with pytest.raises(ValueError, match=message):
        shrink(plan(net, torch.randn(2, 9)), net, masks)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ({"fc9.weight": [[0]]}, "The network has no 'fc9.weight'"),
        ({"fc9.groups": [[0]]}, "The network has no 'fc9.groups'"),
        ({"fc1.weight": [[0, 64]]}, "fc1.weight must be among its 64 positions in dimension 0"),
        ({"fc1.weight": [None, []]}, "fc1.weight must be among its 9 positions in dimension 1"),
    ],
)
def test_indices_of_another_network_are_refused(indices, message):
    with pytest.raises(ValueError, match=message):
        apply_indices(MODELS["mlp"].function((9,), 3), indices)


@pytest.mark.parametrize("name", NETS)
def test_macs_agree_with_pytorch(name):
    net, x = awake(NETS[name][0]()), torch.randn(3, 1, 8, 8, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter, quietly(), sdpa_kernel(SDPBackend.MATH):
        net(x[:1])
    assert 2 * sum(macs(net, x).values()) == counter.get_total_flops() > 0
