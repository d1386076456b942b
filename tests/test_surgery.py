"""Removing units for real changes nothing but the size: on every shape of network we know of."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from prunelab.measure.macs import macs
from prunelab.registry import MODELS
from prunelab.surgery import apply_indices, cover, keep_indices, plan, shrink, zero
from prunelab.surgery.atoms import Atoms, join


class Net(nn.Module):
    """A network written as a list of layers and one function of them and the input."""

    def __init__(self, run, **layers):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.run(self, x)


def conv(i, o, k=3, **options):
    return nn.Conv2d(i, o, k, padding=k // 2, **options)


def conv_bn(i, o, k=3, **options):
    return nn.Sequential(conv(i, o, k, **options), nn.BatchNorm2d(o))


def head(net, x):
    return net.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def built(name, shape=(1, 8, 8), **knobs):
    return lambda: MODELS[name].function(shape, 10, **knobs)


def residual_projected():
    def run(n, x):
        x = F.relu(n.a(x))
        return head(n, F.relu(n.c(F.relu(n.b(x))) + n.short(x)))

    layers = {"b": conv_bn(6, 8, stride=2), "c": conv_bn(8, 8), "short": conv_bn(6, 8, 1, stride=2)}
    return Net(run, a=conv_bn(1, 6), fc=nn.Linear(8, 10), **layers)


def depthwise():
    def run(n, x):
        return head(n, F.relu6(n.c(F.hardswish(n.b(F.relu6(n.a(x)))))))

    return Net(
        run, a=conv_bn(1, 8), b=conv_bn(8, 8, groups=8), c=conv_bn(8, 6, 1), fc=nn.Linear(6, 10)
    )


def depthwise_multiplied():
    return Net(
        lambda n, x: head(n, n.c(F.relu(n.b(n.a(x))))),
        a=conv(1, 4),
        b=conv(4, 12, groups=4),
        c=conv(12, 5),
        fc=nn.Linear(5, 10),
    )


def dense_concat():
    def run(n, x):
        x = n.a(x)
        for norm, layer in ((n.n1, n.b), (n.n2, n.c)):
            x = torch.cat([x, layer(F.relu(norm(x)))], 1)
        return head(n, torch.cat([x, x], 1))

    norms = {"n1": nn.BatchNorm2d(5), "n2": nn.BatchNorm2d(9)}
    return Net(run, a=conv(1, 5), b=conv(5, 4), c=conv(9, 3), fc=nn.Linear(24, 10), **norms)


def squeeze_excite():
    def run(n, x):
        x = F.silu(n.a(x))
        gate = torch.sigmoid(n.up(F.relu(n.down(x.mean((2, 3), keepdim=True)))))
        return head(n, n.b(x * gate))

    return Net(
        run,
        a=conv_bn(1, 8),
        down=conv(8, 4, 1),
        up=conv(4, 8, 1),
        b=conv(8, 6),
        fc=nn.Linear(6, 10),
    )


def u_net():
    def run(n, x):
        top = F.relu(n.a(x))
        low = F.relu(n.b(F.max_pool2d(top, 2)))
        wide = torch.cat([F.interpolate(n.c(low), scale_factor=2), n.up(low), top], 1)
        return n.out(F.elu(n.d(wide)))

    layers = {"c": conv(6, 4), "up": nn.ConvTranspose2d(6, 3, 2, 2), "d": conv(12, 4)}
    return Net(run, a=conv_bn(1, 5), b=conv_bn(5, 6), out=conv(4, 2, 1), **layers)


def grouped():
    return Net(
        lambda n, x: head(n, F.relu(n.c(F.relu(n.b(F.relu(n.a(x))))))),
        a=conv(1, 12),
        b=conv_bn(12, 8, groups=2),
        c=conv(8, 6, 1),
        fc=nn.Linear(6, 10),
    )


def shuffled(groups):
    def run(n, x):
        x = F.relu(n.a(x))
        b, c, h, w = x.shape
        x = x.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)
        return head(n, F.relu(n.b(x)))

    return Net(run, a=conv(1, 12), b=conv_bn(12, 12, groups=groups), fc=nn.Linear(12, 10))


def gated():
    def run(n, x):
        one, other = n.a(x.flatten(1)).chunk(2, -1)
        return n.c(F.glu(n.b(one * torch.sigmoid(other)), -1))

    return Net(run, a=nn.Linear(64, 16), b=nn.Linear(8, 12), c=nn.Linear(6, 10))


def shared_and_tied():
    def run(n, x):
        x = torch.tanh(n.a(x.flatten(1)))
        x = F.softplus(n.b(F.softplus(n.b(x))))
        return n.d(F.linear(n.c(x), n.c.weight.t()))

    return Net(run, a=nn.Linear(64, 9), b=nn.Linear(9, 9), c=nn.Linear(9, 7), d=nn.Linear(9, 10))


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
    return Net(lambda n, x: n.fc(n.layer(x[:, 0]).mean(1)), layer=layer, fc=nn.Linear(8, 10))


NETS = {
    "mlp sigmoid": (built("mlp", activation="sigmoid"), 2),
    "mlp tanh": (built("mlp", activation="tanh"), 2),
    "mlp gelu": (built("mlp", activation="gelu"), 2),
    "lenet-300-100": (built("lenet-300-100"), 2),
    "lenet-5": (built("lenet-5", activation="sigmoid"), 3),
    "vgg-small": (built("vgg-small", width=4, depth=2), 6),
    "resnet option A": (built("resnet-narrow", width=4), 4),
    "resnet option B": (residual_projected, 3),
    "depthwise": (depthwise, 2),
    "depthwise multiplied": (depthwise_multiplied, 3),
    "dense concat": (dense_concat, 3),
    "squeeze excite": (squeeze_excite, 3),
    "u-net": (u_net, 5),
    "grouped": (grouped, 4),
    "channel shuffle": (lambda: shuffled(2), 2),
    "gated": (gated, 2),
    "shared and tied": (shared_and_tied, 2),
    "transformer": (transformer, 1),
}


def awake(net, seed=0):
    """In float64 and evaluation mode, with normalisation that has seen something."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.3)
    return net.double().eval()


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
    for seed in range(3):
        masks = some(found, seed)
        small = shrink(found, net, masks)
        assert torch.equal(torch.get_rng_state(), random)
        with torch.no_grad():
            wanted = masked(found, net, masks)(x)
            torch.testing.assert_close(small(x), wanted, atol=1e-9, rtol=1e-9)
            assert (wanted - net(x)).abs().max() > 1e-6
        assert count(small) < count(net)
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


def test_layers_know_their_new_sizes(case):
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
    again = apply_indices(net, keep_indices(found, some(found, seed=1)))
    assert torch.equal(again(x), small(x))


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


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        (lambda x: F.layer_norm(x, x.shape[1:]), "LayerNorm mixes"),
        (lambda x: x / x.pow(2).mean(1, keepdim=True).sqrt(), "summed over"),
        (lambda x: F.softmax(x, 1), "softmax mixes"),
        (lambda x: x.cumsum(1), "no rule for the operation aten::cumsum"),
        (lambda x: x.sort(1).values, "no rule for the operation aten::sort"),
        (lambda x: x[:, [1, 0, *range(2, 8)]], "indexed by numbers"),
        (lambda x: torch.cat(x.split([3, 5], 1), 1), "split by numbers"),
        (lambda x: torch.cat([x[:, 1:], x[:, :1]], 1), "sliced by numbers"),
        (lambda x: x + torch.arange(8.0), "joined with an axis that cannot shrink"),
        (lambda x: torch.from_numpy(x.detach().numpy()) * 1, "does not run"),
        (lambda x: F.group_norm(x, 2), "GroupNorm mixes"),
        (lambda x: x.view(-1, 2, 4).flatten(1) * (4 if x.shape[1] == 8 else 3), "does not run"),
        (lambda x: x * x.shape[1], "differs by"),
    ],
)
def test_what_cannot_shrink_is_fixed_with_the_reason(middle, reason):
    net = Net(lambda n, x: n.b(middle(n.a(x))), a=nn.Linear(4, 8), b=nn.Linear(8, 3))
    found = plan(net, torch.randn(2, 4))
    assert found.classes == ()
    assert reason in found.frozen["a"]
    assert found.frozen["b"] == "its outputs are the outputs of the network"


def test_an_operation_of_somebody_else_is_fixed():
    with torch.library._scoped_library("prunelabtest", "DEF") as library:
        library.define("mystery(Tensor x) -> Tensor")
        library.impl("mystery", lambda x: x.flip(1), "CompositeExplicitAutograd")
        mystery = torch.ops.prunelabtest.mystery.default
        net = Net(lambda n, x: n.b(mystery(n.a(x))), a=nn.Linear(4, 8), b=nn.Linear(8, 3))
        found = plan(net, torch.randn(2, 4))
    assert found.frozen["a"] == "PruneLab has no rule for the operation prunelabtest::mystery"


def test_a_class_that_fails_does_not_spoil_the_others():
    def run(n, x):
        x = n.b(F.relu(n.a(x)))
        return n.c(x * x.shape[1])

    net = Net(run, a=nn.Linear(4, 8), b=nn.Linear(8, 6), c=nn.Linear(6, 3), spare=nn.Linear(3, 3))
    found = plan(net, torch.randn(2, 4))
    assert [c.name for c in found.classes] == ["a"]
    assert "differs by" in found.frozen["b"]
    assert found.frozen["spare"] == "it is not used on the example"


def test_a_single_unit_stays():
    found = plan(nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 3)), torch.randn(2, 4))
    assert found.classes == ()
    assert found.frozen["0"] == "it has a single unit"


def test_channels_of_a_shuffle_go_so_that_its_table_stays_one():
    found = plan(shuffled(2), torch.randn(2, 1, 8, 8))
    assert [(c.name, c.size) for c in found.classes] == [("a", 3), ("b.0", 6)]
    assert found.classes[0].members[0].units.tolist() == [0, 1, 2] * 4
    assert "differs by" in found.frozen["a in groups"]


def test_a_shuffle_that_ties_all_channels_fixes_them():
    found = plan(shuffled(3), torch.randn(2, 1, 8, 8))
    assert [c.name for c in found.classes] == ["b.0"]
    assert found.frozen["a"] == "its units could only go all together"


def test_networks_of_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(3, 6), nn.Linear(6, 2)

        def forward(self, x, y):
            return {"out": self.c(torch.relu(self.a(x) + self.b(y)))}

    found = plan(Two(), (torch.randn(2, 4), torch.randn(2, 3)))
    assert [(c.name, c.size, c.producers) for c in found.classes] == [("a", 6, ("a", "b"))]


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
        ({"fc9.groups": [[0]]}, "The network has no 'fc9'"),
        ({"fc1.weight": [[0, 64]]}, "fc1.weight must be among its 64 positions in dimension 0"),
        ({"fc1.weight": [None, []]}, "fc1.weight must be among its 9 positions in dimension 1"),
    ],
)
def test_indices_of_another_network_are_refused(indices, message):
    with pytest.raises(ValueError, match=message):
        apply_indices(MODELS["mlp"].function((9,), 3), indices)


@pytest.mark.parametrize("name", [n for n in NETS if n not in ("transformer", "shared and tied")])
def test_macs_agree_with_pytorch(name):
    net, x = awake(NETS[name][0]()), torch.randn(3, 1, 8, 8, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(x[:1])
    assert 2 * sum(macs(net, x).values()) == counter.get_total_flops() > 0


class TestAtoms:
    def test_joining_with_a_fixed_axis_fixes(self):
        atoms = Atoms()
        axis = atoms.fresh(3)
        atoms.equate(axis, None, "because")
        assert [atoms.resolve(term) for term in axis] == [frozenset()] * 3
        assert atoms.why(axis[0]) == "because"

    def test_a_table_is_found_again_after_it_was_flattened(self):
        atoms = Atoms()
        rows, columns = atoms.fresh(2), atoms.fresh(3)
        assert atoms.split(join(rows, columns), 2, 3) == (rows, columns)

    def test_reasons_pass_through_equations(self):
        atoms = Atoms()
        one, other = atoms.fresh(6), atoms.fresh(6)
        rows, columns = atoms.split(one, 2, 3)
        atoms.equate(other, join(rows, columns), "equal")
        atoms.freeze(rows, "rows are fixed")
        atoms.freeze(columns, "columns are fixed")
        assert atoms.why(other[4]) == "rows are fixed"
        assert not atoms.resolve(other[4])

    def test_different_tables_are_joined_factor_by_factor(self):
        atoms = Atoms()
        pairs = [(atoms.fresh(2), atoms.fresh(3)) for _ in range(2)]
        atoms.equate(join(*pairs[0]), join(*pairs[1]), "equal")
        free = {atoms.resolve(term) for rows, columns in pairs for term in (*rows, *columns)}
        assert len(free) == 5

    def test_a_table_that_meets_its_own_row_becomes_one(self):
        atoms = Atoms()
        one, other = atoms.fresh(2), atoms.fresh(2)
        atoms.equate(tuple(a | b for a, b in zip(one, other, strict=True)), one, "equal")
        assert [atoms.resolve(t) for t in one] == [atoms.resolve(t) for t in other]
