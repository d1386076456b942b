"""Structured methods against what can be worked out by hand, or defined in another way."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, relu

from prunelab.course import Course
from prunelab.cover import Cover
from prunelab.experiment import prune
from prunelab.filters.gates import gate_gradients
from prunelab.filters.maps import inputs, maps
from prunelab.filters.ranks import effective_rank, numerical_rank
from prunelab.methods.thinet import greedy
from prunelab.parts import Table, split
from prunelab.registry import METHODS, MODELS
from prunelab.run_network import fit
from prunelab.spec import RunSpec, SpecError
from prunelab.training import Learner, Recipe
from prunelab.units.filters import planned

X = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(40) % 3
SEEDED = ("hrank", "effective-rank", "apoz", "thinet", "taylor")
PLAIN = ("l2-filter", "fpgm", "neuron-norm")


def build(name, **knobs):
    torch.manual_seed(0)
    net = MODELS[name].function((1, 8, 8), 3, **knobs).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return net


def scored(method, net, data=None, **knobs):
    given = {"seed": 0} if method in SEEDED else {}
    return METHODS[method].function(net, (X, Y) if data is None else data, **given, **knobs)


def chain(*rows, reader=1.0):
    """One hidden layer with the given rows; what reads it weighs all alike."""
    net = nn.Sequential(nn.Linear(len(rows[0]), len(rows)), nn.ReLU(), nn.Linear(len(rows), 3))
    net[0].weight.data = torch.tensor(rows)
    nn.init.zeros_(net[0].bias)
    nn.init.constant_(net[2].weight, reader)
    return net


def test_the_euclidean_norm_by_hand():
    assert scored("l2-filter", chain((3.0, -4.0), (4.0, 0.0)), torch.ones(2, 2))["0"].tolist() == [
        5.0,
        4.0,
    ]


def test_the_one_nearest_to_the_median_goes_first():
    line = [(v, 0.0) for v in (0.0, 1.0, 2.0, 5.0, 10.0)]
    found = scored("fpgm", chain(*line), torch.ones(2, 2))["0"]
    assert found.tolist() == [18.0, 15.0, 14.0, 17.0, 32.0]
    moved = [(v + 7.0, -3.0) for v, _ in line]
    assert scored("fpgm", chain(*moved), torch.ones(2, 2))["0"].tolist() == found.tolist()


def test_norms_of_both_sides_by_hand():
    net = chain((3.0, 4.0), (1.0, 0.0), reader=0.5)
    both = scored("neuron-norm", net, torch.ones(2, 2))["0"]
    assert both.tolist() == pytest.approx([5 * 0.75**0.5, 0.75**0.5])
    alone = scored("neuron-norm", net, torch.ones(2, 2), outgoing=False)["0"]
    assert alone.tolist() == [5.0, 1.0]


def test_a_neuron_scaled_up_and_its_readers_down_keeps_its_norm():
    net = build("mlp", widths="6-5")
    before = scored("neuron-norm", net)["fc1"]
    with torch.no_grad():
        net.fc1.weight[2] *= 8
        net.fc2.weight[:, 2] /= 8
    assert torch.allclose(scored("neuron-norm", net)["fc1"], before)


def test_a_silent_share_by_hand():
    net = chain((1.0, 0.0), (0.0, 1.0))
    x = torch.tensor([[1.0, -1.0], [2.0, -1.0], [3.0, 5.0], [-1.0, -1.0]])
    assert scored("apoz", net, x)["0"].tolist() == [0.75, 0.25]


def test_maps_are_those_of_hooks_after_the_activation():
    net, seen = build("resnet-narrow", width=4), {}
    net.stage2[0].relu1.register_forward_hook(lambda m, i, o: seen.update(relu=o))
    net.stage2[0].bn2.register_forward_hook(lambda m, i, o: seen.update(norm=o.clone()))
    found = maps(net, X, ["stage2.0.conv1", "stage2.0.conv2"])
    with torch.no_grad():
        net(X)
    assert torch.equal(found["stage2.0.conv1"][0], seen["relu"])
    assert torch.equal(found["stage2.0.conv2"][0], seen["norm"])  # before the shortcut is added


class Functional(nn.Module):
    """Activates with functions, in place, and calls a layer twice."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 5), nn.Linear(5, 5)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        x = torch.tanh(self.one(x))
        for _ in range(2):
            y = self.two(x)
            y += x
            x = relu(y)
        return self.out(x)


def test_maps_are_followed_through_functions_and_kept_from_what_is_written_over_them():
    net, x = Functional(), torch.randn(6, 4)
    found = maps(net, x, ["one", "two"])
    with torch.no_grad():
        first = torch.tanh(net.one(x))
        again = relu(net.two(first) + first)
        assert torch.equal(found["one"][0], first)
        assert torch.equal(found["two"][0], net.two(first))
        assert torch.equal(found["two"][1], net.two(again))


def test_looking_at_maps_leaves_each_module_in_its_mode():
    net = build("vgg-small").train()
    net.bn1_1.eval()
    before = {n: b.clone() for n, b in net.named_buffers()}
    maps(net, X, ["conv1_1"])
    assert net.training
    assert not net.bn1_1.training
    assert all(torch.equal(before[n], b) for n, b in net.named_buffers())


def test_ranks_are_those_of_the_official_loop():
    net = build("vgg-small")
    found = scored("hrank", net, X)["conv1_1"]
    outs = {}
    net.relu1_1.register_forward_hook(lambda m, i, o: outs.update(maps=o))
    with torch.no_grad():
        net(X)
    official = torch.tensor(
        [[int(torch.linalg.matrix_rank(m)) for m in of_one] for of_one in outs["maps"]]
    )
    assert torch.allclose(found, official.double().mean(0), atol=1e-12)
    assert len(official.unique()) > 2  # or the test would say nothing


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (5, 9), (9, 5), (1, 7)])
def test_every_rank_is_that_of_matrix_rank(shape):
    chance = torch.Generator().manual_seed(1)
    h, w = shape
    full = torch.randn(60, h, w, generator=chance)
    low = torch.randn(60, h, 2, generator=chance) @ torch.randn(60, 2, w, generator=chance)
    near = low + 1e-6 * torch.randn(60, h, w, generator=chance)
    every = torch.cat([full, relu(full - 1), low, near, torch.zeros(3, h, w), relu(low)])
    one_by_one = torch.stack([torch.linalg.matrix_rank(m) for m in every])
    assert torch.equal(numerical_rank(every), one_by_one)
    assert len(one_by_one.unique()) > 1


@given(
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.integers(0, 2**32 - 1),
    st.floats(-2.5, 1.5),
    st.sampled_from([1.0, 1e-30, 1e-36, 1e18]),
)
@settings(max_examples=60, deadline=None)
def test_ranks_at_the_very_tolerance_are_those_of_matrix_rank(shape, seed, decades, scale):
    """Low rank plus a tail of singular values about the tolerance, rows of zeros, any scale."""
    chance, (h, w) = torch.Generator().manual_seed(seed), shape
    few, eps = min(h, w), torch.finfo(torch.float32).eps
    tail = max(h, w) * eps * 10**decades * (0.5 + torch.rand(8, few, generator=chance))
    sigma = torch.where(torch.arange(few) < 2, 1.0, tail)
    turn, other = (
        torch.linalg.qr(torch.randn(8, n, few, generator=chance).double())[0] for n in (h, w)
    )
    some = (scale * (turn * sigma[:, None]) @ other.mT).float()
    some[4:, : h // 3] = 0
    shares = torch.linalg.svdvals(some.double())
    shares /= shares[:, :1].clamp_min(1e-60)
    # Nearer than that, the official rank depends on where a map lies in memory.
    clear = ((shares - max(h, w) * eps).abs() > eps).all(-1)
    one_by_one = torch.stack([torch.linalg.matrix_rank(m) for m in some])
    assert torch.equal(numerical_rank(some)[clear], one_by_one[clear])


@pytest.mark.parametrize("side", [8, 16, 32])
def test_few_maps_need_their_singular_values(side, monkeypatch):
    """Of full or of low rank, most are certain: else there would be nothing to gain."""
    chance = torch.Generator().manual_seed(0)
    some = torch.rand(200, side, side, generator=chance)
    some[100:] = (some[100:] > 0.5).float()
    some[150:, side // 2 :] = some[150:, : side // 2]
    asked, official = [], torch.linalg.matrix_rank
    wanted = official(some)
    monkeypatch.setattr(torch.linalg, "matrix_rank", lambda m: asked.append(len(m)) or official(m))
    assert torch.equal(numerical_rank(some), wanted)
    assert sum(asked) < 20
    assert int(wanted.min()) <= side // 2 < int(wanted.max())


def test_ranks_of_float64_and_of_no_maps():
    some = torch.rand(3, 5, 5, dtype=torch.float64)
    some[0, 1] = some[0, 0] * (1 + 1e-9)  # a rank that only float32 does not see
    assert numerical_rank(some).tolist() == torch.linalg.matrix_rank(some).tolist()
    assert numerical_rank(torch.zeros(0, 4, 4)).shape == (0,)
    with pytest.raises(RuntimeError, match="non-finite"):
        numerical_rank(torch.full((1, 3, 3), torch.nan))


@pytest.mark.parametrize(
    ("sigma", "wanted"),
    [
        ((1, 1, 1, 1), 4),
        ((1, 0, 0), 1),
        ((2, 1), 1.889881574842),
        ((3, 2, 1), 2.749459273997),
        ((1, 0.5, 0.25, 0.125), 3.117142110535),
        ((0, 0), 0),
    ],
)
def test_the_effective_rank_has_a_closed_form(sigma, wanted):
    n, chance = len(sigma), torch.Generator().manual_seed(2)
    turn, other = (torch.linalg.qr(torch.randn(n, n, generator=chance).double())[0] for _ in "ab")
    m = turn @ torch.diag(torch.tensor(sigma, dtype=torch.float64)) @ other
    assert float(effective_rank(m)) == pytest.approx(wanted, abs=1e-11)
    assert float(effective_rank(17 * m)) == pytest.approx(wanted, abs=1e-11)


def test_the_effective_rank_is_at_most_the_rank():
    m = relu(torch.randn(50, 6, 6, generator=torch.Generator().manual_seed(3)) - 0.5)
    assert bool((effective_rank(m) <= numerical_rank(m) + 1e-9).all())


def test_the_rank_of_a_neuron_is_how_often_it_is_active():
    net = build("lenet-5")
    assert torch.allclose(scored("hrank", net, X)["fc1"], scored("apoz", net, X)["fc1"])


def test_a_gate_is_the_derivative_by_a_factor_on_the_maps():
    net = build("vgg-small", width=4).double()
    x, y = X.double(), Y
    factor = torch.ones(4, dtype=torch.float64, requires_grad=True)
    found = gate_gradients(net, (x, y), (x, y))["conv1_1"]
    net.train().bn1_1.register_forward_hook(lambda m, i, out: out * factor[:, None, None])
    cross_entropy(net(x), y).backward()
    assert torch.allclose(found, factor.grad, atol=1e-9)
    assert float(factor.grad.abs().max()) > 1e-3


def test_the_score_is_the_squared_change_of_a_linear_loss():
    net = chain((1.0, 0.0), (0.0, 2.0)).double()
    x = torch.tensor([[1.0, 1.0], [2.0, 1.0]], dtype=torch.float64)
    found = METHODS["taylor"].function(
        net, (x, torch.tensor([0, 1])), seed=0, batches=1, batch_size=2
    )["0"]
    gate = torch.ones(2, dtype=torch.float64, requires_grad=True)
    cross_entropy(net[2](net[1](net[0](x)) * gate), torch.tensor([0, 1])).backward()
    assert torch.allclose(found, gate.grad.square())


def test_the_greedy_choice_lets_units_go_that_cancel():
    added = torch.tensor([[5.0, 3.0, -5.0]], dtype=torch.float64)
    order = greedy(added.T @ added)
    assert order.tolist()[1] == 0.0
    assert sorted(order.tolist()) == [0.0, 1 / 3, 2 / 3]
    pairs = torch.tensor([[1.0, -1.0, 0.9, 0.0]], dtype=torch.float64)
    assert greedy(pairs.T @ pairs).argsort().tolist()[0] == 3


def test_what_the_next_layer_weighs_by_nothing_goes_first():
    net = build("lenet-5")
    with torch.no_grad():
        net.conv2.weight[:, 7] = 0
        net.fc1.weight[:, 4 * 11 : 4 * 12] = 0  # four pixels of filter 11
    found = scored("thinet", net, X)
    assert int(found["conv1"].argmin()) == 7
    assert int(found["conv2"].argmin()) == 11


def test_slimming_adds_the_sign_of_every_scale_to_its_gradient():
    net, course = build("vgg-small", width=4), Course()
    next(METHODS["slimming"].function(net, X, course=course, penalty=0.25))
    with torch.no_grad():
        net.bn1_1.weight[:3] = torch.tensor([0.5, -2.0, 0.0])
    course.penalty().backward()
    assert net.bn1_1.weight.grad[:3].tolist() == [0.25, -0.25, 0.0]


def test_slimming_makes_scales_small():
    chance = np.random.default_rng(0)
    x = chance.normal(size=(60, 1, 8, 8)).astype(np.float32)
    parts = split(Table(x=x, y=np.arange(60) % 3, classes=("a", "b", "c")))

    def total(price):
        net, learner = build("vgg-small", width=4), Learner()
        learn = METHODS["slimming"].function(net, parts, course=learner.course, penalty=price)
        learner.update = lambda: iter(next(learn) or ())
        learner.course.due = False
        recipe = Recipe(epochs=3, lr=0.05, batch_size=12)
        list(fit(net, parts, recipe, phase="t", seed=0, cover=Cover({}), learner=learner))
        return sum(float(m.weight.detach().abs().sum()) for m in net.modules() if hasattr(m, "eps"))

    assert total(0.2) < 0.9 * total(0.0)


def test_slimming_needs_normalisation():
    with pytest.raises(SpecError, match="needs batch normalisation with scales"):
        next(METHODS["slimming"].function(build("mlp"), X, course=Course()))
    mixed = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(64, 3),
    )  # fmt: skip
    with pytest.raises(SpecError, match="3 has no batch normalisation to slim"):
        next(METHODS["slimming"].function(mixed, X, course=Course()))


def test_maps_need_inputs():
    with pytest.raises(SpecError, match="looks at feature maps: pass data"):
        inputs(build("mlp"), None, 3, 0)


def test_thinet_says_what_it_cannot_read():
    net = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Conv1d(4, 3, 3))
    with pytest.raises(SpecError, match="thinet reads linear and 2-d layers, got Conv1d"):
        scored("thinet", net, torch.randn(4, 1, 9))
    groups = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3, groups=2))
    with pytest.raises(SpecError, match="No plain layer reads 0"):
        scored("thinet", groups, torch.randn(4, 1, 9, 9))
    same = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3, padding="same"), nn.Flatten()
    )
    with pytest.raises(SpecError, match="padding is given in pixels"):
        scored("thinet", same, torch.randn(4, 1, 9, 9))


@pytest.mark.parametrize("method", [*SEEDED, *PLAIN])
def test_a_model_of_ones_own_becomes_smaller_and_stays_as_it_was(method):
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(128, 3),
    )  # fmt: skip
    before = {n: t.clone() for n, t in net.state_dict().items()}
    small = prune(net, method, 0.5, (X, Y), scope="uniform")
    assert (small[0].out_channels, small[3].out_channels) == (4, 4)
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())
    assert small(X).shape == (40, 3)


def test_a_batch_is_enough_where_no_classes_are_needed():
    net = build("lenet-5")
    assert prune(net, "hrank", 0.5, X).conv1.out_channels == 10
    with pytest.raises(SpecError, match="needs examples with their classes"):
        prune(net, "taylor", 0.5, X)


def test_the_best_of_a_group_are_found_wherever_they_lie():
    net = build("resnet-narrow", width=4)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(5))
    group = next(c for c in planned(net, X).classes if c.producers[0] == "conv1")
    first = {m: scored(m, net)["conv1"] for m in PLAIN[:2]}
    for member in group.members:
        tensor = net.state_dict().get(member.tensor)
        if tensor is not None and tensor.ndim:
            ours = (member.units >= 0).nonzero().flatten()
            tensor.index_copy_(
                member.dim, ours, tensor.index_select(member.dim, ours[order[member.units[ours]]])
            ) if len(ours) else None
    assert all(torch.allclose(scored(m, net)["conv1"], first[m][order]) for m in first)


def test_specs_say_why_a_method_does_not_fit():
    from prunelab.catalogue import describe, validate

    with pytest.raises(SpecError, match="slimming needs a batch-normalised network"):
        validate(RunSpec(model="lenet-5", method="slimming"), describe())
