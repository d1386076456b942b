"""Methods that score before training, each against its oracle: numbers by hand or by autograd."""

from __future__ import annotations

import copy
import itertools
import re

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from prunelab.events import Epoch, Pruned, fold
from prunelab.experiment import run
from prunelab.masks import allocate, highest, select
from prunelab.methods.force import force
from prunelab.methods.grasp import grasp
from prunelab.methods.iterative_snip import iterative_snip
from prunelab.methods.magnitude_at_init import magnitude_at_init
from prunelab.methods.snip import snip
from prunelab.methods.static import static
from prunelab.methods.synflow import flows, synflow
from prunelab.probes import (
    balanced,
    batch,
    curvature,
    gradients,
    loss_at,
    positive,
    reached,
    weights,
)
from prunelab.spec import RunSpec, SpecError
from prunelab.stepwise import exponential
from prunelab.training import seeded


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(60, 12, generator=generator, dtype=torch.float64)
    return x, torch.arange(60) % 3


def make_net(seed=0, bias=True):
    torch.manual_seed(seed)
    layers = [nn.Linear(12, 10, bias=bias), nn.ReLU(), nn.Linear(10, 8, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(8, 3, bias=bias)).double()


def chain(widths, seed):
    """A bias-free ReLU network with Kaiming weights."""
    torch.manual_seed(seed)
    layers = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b, bias=False), nn.ReLU()]
        nn.init.kaiming_normal_(layers[-2].weight)
    return nn.Sequential(*layers[:-1]).double()


def has_path(net, mask):
    """Whether any input still reaches any output."""
    alive = torch.ones(next(iter(mask.values())).shape[1], dtype=torch.bool)
    for name in weights(net):
        alive = (mask[name] & alive).any(1)
    return bool(alive.any())


def test_snip_is_the_gradient_of_a_multiplicative_mask(data):
    net = make_net()
    scores = snip(net, data, seed=3)
    examples = batch(data, 128, seeded(3, "examples", 1))
    gates = {n: torch.ones_like(w, requires_grad=True) for n, w in weights(net).items()}
    loss = loss_at(net, examples, {n: w.detach() * gates[n] for n, w in weights(net).items()})
    for gate, score in zip(
        torch.autograd.grad(loss, list(gates.values())), scores.values(), strict=True
    ):
        assert torch.allclose(gate.abs(), score, atol=1e-12, rtol=1e-10)
        assert score.count_nonzero()


def test_snip_agrees_with_finite_differences(data):
    net = make_net()
    examples = batch(data, 128, seeded(0, "examples", 1))
    signed = {
        n: w.detach() * g
        for (n, w), g in zip(weights(net).items(), gradients(net, examples).values(), strict=True)
    }
    values = {n: w.detach() for n, w in weights(net).items()}
    for name, place in (("0", (3, 4)), ("2", (0, 1)), ("4", (2, 5)), ("4", (0, 0)), ("0", (9, 11))):
        changed = {n: w.clone() for n, w in values.items()}
        changed[name][place] *= 1 - 1e-6
        slope = (loss_at(net, examples, values) - loss_at(net, examples, changed)) / 1e-6
        assert float(slope) == pytest.approx(float(signed[name][place]), abs=1e-7)


def test_snip_pinned_toy():
    """Output Σ c·w·x with w = (1, −2, 3), x = (1, 1, 2), L = ½(y − 1)²: g = (4, −8, 24)."""
    w = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    loss = 0.5 * ((w * torch.tensor([1.0, 1.0, 2.0])).sum() - 1) ** 2
    (slope,) = torch.autograd.grad(loss, w)
    g = w.detach() * slope
    assert g.tolist() == [4, -8, 24]
    assert (g.abs() / g.abs().sum()).tolist() == pytest.approx([1 / 9, 2 / 9, 6 / 9])


def test_signed_sensitivity_is_conserved_from_layer_to_layer(data):
    net = make_net(bias=False)
    found = gradients(net, data)
    sums = [float((w.detach() * found[n]).sum()) for n, w in weights(net).items()]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-8)
    assert abs(sums[0]) > 1e-4


@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_one_round_of_each_is_snip(data, sparsity):
    net = make_net()
    plain = snip(net, data, seed=2)
    for other in (iterative_snip, force):
        scores = other(net, data, seed=2, sparsity=sparsity, score_rounds=1)
        assert all(torch.equal(plain[n], scores[n]) for n in plain)


def test_iterative_snip_is_nested_and_force_is_not(data, monkeypatch):
    net = make_net()
    seen = []

    def spy(*arguments):
        seen.append(highest(*arguments))
        return seen[-1]

    for name, nested in (("iterative_snip", True), ("force", False)):
        seen.clear()
        monkeypatch.setattr("prunelab.stepwise.highest", spy)
        function = {"iterative_snip": iterative_snip, "force": force}[name]
        function(net, data, seed=0, sparsity=0.9, score_rounds=10, batch_size=20)
        counts = [sum(int(m.sum()) for m in mask.values()) for mask in seen]
        assert counts == list(exponential(224, 22, 10))
        back = [any(bool((b[n] & ~a[n]).any()) for n in a) for a, b in itertools.pairwise(seen)]
        assert any(back) != nested


def test_force_ranks_by_the_dense_gradient_at_the_masked_network(data):
    net = make_net()
    masked = {n: w.detach() * (w.detach().abs() > 0.15) for n, w in weights(net).items()}
    found = gradients(net, data, masked)
    zeros = [(n, tuple(p.tolist())) for n, w in masked.items() for p in (w == 0).nonzero()[:2]][:5]
    assert len(zeros) == 5
    for name, place in zeros:
        two = [{n: w.clone() for n, w in masked.items()} for _ in range(2)]
        two[0][name][place] += 1e-6
        two[1][name][place] -= 1e-6
        slope = (loss_at(net, data, two[0]) - loss_at(net, data, two[1])) / 2e-6
        assert float(slope) == pytest.approx(float(found[name][place]), abs=1e-7)


def test_grasp_pinned_quadratic():
    """H = [[2, 1], [1, 3]], b = (1, 1), w = (1, −1): s = (−3, 9), the first weight goes first."""
    h = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    w = torch.tensor([1.0, -1.0], requires_grad=True)
    loss = 0.5 * w @ h @ w - w.sum()
    (g,) = torch.autograd.grad(loss, w, create_graph=True)
    (hg,) = torch.autograd.grad((g.detach() * g).sum(), w)
    assert g.tolist() == [0, -3]
    score = w.detach() * hg
    assert score.tolist() == [-3, 9]
    assert select({"w": score}, {"w": 1})["w"].tolist() == [False, True]


def test_curvature_is_the_hessian_times_the_gradient(data):
    net = nn.Sequential(nn.Linear(12, 2), nn.Tanh(), nn.Linear(2, 3)).double()
    g, hg = curvature(net, data, temperature=3.0)
    flat = torch.cat([w.detach().flatten() for w in weights(net).values()])

    def loss(vector):
        at = {"0": vector[:24].reshape(2, 12), "2": vector[24:].reshape(3, 2)}
        hidden = torch.tanh(data[0] @ at["0"].T + net[0].bias.detach())
        return cross_entropy((hidden @ at["2"].T + net[2].bias.detach()) / 3.0, data[1])

    hessian = torch.autograd.functional.hessian(loss, flat)
    gradient = torch.autograd.functional.jacobian(loss, flat)
    assert torch.allclose(torch.cat([t.flatten() for t in g.values()]), gradient, atol=1e-12)
    assert torch.allclose(
        torch.cat([t.flatten() for t in hg.values()]), hessian @ gradient, atol=1e-12
    )


def test_curvature_agrees_with_central_differences(data):
    net = make_net()
    g, hg = curvature(net, data)
    norm = float(sum((t**2).sum() for t in g.values()) ** 0.5)
    step = 1e-4 / norm
    ahead, behind = (
        gradients(net, data, {n: w.detach() + sign * step * g[n] for n, w in weights(net).items()})
        for sign in (1, -1)
    )
    for name, exact in hg.items():
        found = (ahead[name] - behind[name]) / (2 * step)
        assert float((found - exact).norm() / exact.norm()) < 1e-5


def test_grasp_is_the_weight_times_the_curved_gradient(data):
    net = make_net()
    scores = grasp(net, data, seed=0, each=20, temperature=1.0)
    _, hg = curvature(net, data)  # 20 of each class are all there are
    for name, w in weights(net).items():
        assert torch.allclose(scores[name], w.detach() * hg[name], atol=1e-12)
    assert any(bool((s < 0).any()) for s in scores.values())


def test_the_same_number_of_every_class(data):
    _, y = balanced(data, 7, seeded(0, "x"))
    assert torch.bincount(y).tolist() == [7, 7, 7]
    with pytest.raises(SpecError, match="Class 0 has 20 training examples, but the score needs 21"):
        balanced(data, 21, seeded(0, "x"))


def test_synflow_pinned_toy():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -2.0], [-3.0, 4.0]]))
        net[2].weight.copy_(torch.tensor([[-5.0, 6.0]]))
    flow = positive(net)
    assert float(flow(torch.ones(1, 2, dtype=torch.float64)).detach()) == 57
    scores = synflow(net, (torch.zeros(1, 2), None), sparsity=0.0, score_rounds=1)
    assert scores["0"].tolist() == [[5, 10], [18, 24]]
    assert scores["2"].tolist() == [[15, 42]]


def test_synflow_conserves_the_flow_of_every_layer_and_neuron():
    net = chain([64, 100, 100, 10], 0)
    flow = positive(net)
    scores = flows(flow, torch.ones(1, 64, dtype=torch.float64))
    total = float(flow(torch.ones(1, 64, dtype=torch.float64)).sum().detach())
    assert [float(s.sum()) for s in scores.values()] == pytest.approx([total] * 3, rel=1e-10)
    assert torch.allclose(scores["0"].sum(1), scores["2"].sum(0), rtol=1e-10)
    a = torch.ones(64, dtype=torch.float64)
    w = [m.weight.detach().abs() for m in net if isinstance(m, nn.Linear)]
    ahead = [a, w[0] @ a, w[1] @ w[0] @ a]
    one = torch.ones(10, dtype=torch.float64)
    back = [w[1].T @ w[2].T @ one, w[2].T @ one, one]
    for k, score in enumerate(scores.values()):
        assert torch.allclose(score, w[k] * torch.outer(back[k], ahead[k]), rtol=1e-10)


def test_synflow_needs_no_data_and_no_signs():
    net = make_net()
    flipped = copy.deepcopy(net)
    with torch.no_grad():
        for p in flipped.parameters():
            p.mul_(torch.where(torch.rand_like(p) < 0.5, -1.0, 1.0))
    shape = (torch.zeros(1, 12), None)
    one, two = (synflow(n, shape, sparsity=0.9, score_rounds=10) for n in (net, flipped))
    assert all(torch.equal(one[n], two[n]) for n in one)


@pytest.mark.parametrize("seed", range(3))
def test_synflow_reaches_the_maximal_critical_compression(seed):
    """F-1, F-2: at one weight a layer SynFlow keeps a path, everything else has none."""
    net = chain([64, 100, 100, 100, 100, 100, 10], seed)
    generator = torch.Generator().manual_seed(seed)
    data = (torch.randn(200, 64, generator=generator).double(), torch.arange(200) % 10)
    sparsity = 1 - 6 / 47_400
    scores = {
        "synflow": synflow(net, data, sparsity=sparsity),
        "one shot": synflow(net, data, sparsity=sparsity, score_rounds=1),
        "snip": snip(net, data, seed=seed),
        "grasp": grasp(net, data, seed=seed),
        "magnitude": magnitude_at_init(net, data),
        "random": {n: torch.rand(w.shape, generator=generator) for n, w in weights(net).items()},
    }
    masks = {name: select(s, allocate(s, sparsity)) for name, s in scores.items()}
    assert [int(m.sum()) for m in masks["synflow"].values()] == [1] * 6
    assert [name for name, mask in masks.items() if has_path(net, mask)] == ["synflow"]
    assert [int(m.sum()) for m in masks["one shot"].values()] == [0, 0, 0, 0, 0, 6]


def test_scores_need_examples_with_classes():
    with pytest.raises(SpecError, match=r"pass data as \(x, y\)"):
        snip(make_net(), torch.zeros(3, 12), seed=0)


def test_scoring_leaves_batch_norm_dropout_and_gradients_alone(data):
    net = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    net = net.double().eval()
    net[1].train()  # a mode somebody set on one module
    net[0].weight.grad = torch.full_like(net[0].weight, 7.0)
    before = copy.deepcopy(net)
    numbers = torch.get_rng_state()
    first = snip(net, data, seed=0)
    assert all(torch.equal(first[n], s) for n, s in snip(net, data, seed=0).items())
    grasp(net, data, seed=0)
    synflow(net, data, sparsity=0.5, score_rounds=3)
    assert all(
        torch.equal(a, b)
        for a, b in zip(net.state_dict().values(), before.state_dict().values(), strict=True)
    )
    assert [m.training for m in net.modules()] == [m.training for m in before.modules()]
    assert bool((net[0].weight.grad == 7).all())
    assert net[3].weight.grad is None
    assert torch.equal(numbers, torch.get_rng_state())


def test_frozen_and_tied_layers_are_scored():
    net = make_net()
    net[0].weight.requires_grad_(False)
    x, y = torch.randn(30, 12).double(), torch.arange(30) % 3
    assert snip(net, (x, y), seed=0)["0"].count_nonzero()
    tied = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    tied[2].weight = tied[0].weight
    assert list(snip(tied, (torch.randn(9, 6), torch.arange(9) % 3), seed=0)) == ["0"]


def test_a_computed_weight_is_refused_by_name():
    net = nn.Sequential(nn.Linear(3, 3), nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    with pytest.raises(SpecError, match=r"1 computes its weight \(a parametrization\); remove it"):
        weights(net)


def test_a_network_without_a_second_derivative_is_refused(data):
    class Attention(nn.Module):
        def forward(self, x):
            x = x.reshape(-1, 1, 3, 2)
            return nn.functional.scaled_dot_product_attention(x, x, x).reshape(-1, 6)

    net = nn.Sequential(nn.Linear(12, 6), Attention(), nn.Linear(6, 3)).double()
    with pytest.raises(SpecError, match="no second derivative"):
        grasp(net, data, seed=0)


def test_static_keeps_the_allocation_of_erdos_renyi_kernel():
    masks = [
        e for e in run(RunSpec(method="static", sparsity=0.9, epochs=1)) if isinstance(e, Pruned)
    ]
    assert sum(row["kept"] for row in masks[-1].layers) == 5020
    sizes = {row["kept"] / sum(row["shape"]) for row in masks[-1].layers}  # ε of each layer
    assert max(sizes) - min(sizes) < 0.01
    net = make_net()
    one, two = static(net, None, seed=0), static(net, None, seed=1)
    assert not any(torch.equal(one[n], two[n]) for n in one)


def test_a_run_prunes_before_it_trains():
    events = list(run(RunSpec(method="snip", sparsity=0.9, epochs=3)))
    result = fold(events)
    assert result.status == "finished", result.reason
    phases = [e.phase for e in events if isinstance(e, Epoch)]
    assert phases == ["dense"] * 3 + ["train"] * 3
    place = next(i for i, e in enumerate(events) if isinstance(e, Pruned))
    assert [e.phase for e in events[place:] if isinstance(e, Epoch)] == ["train"] * 3
    assert result.recovered["accuracy"] > 0.8 > result.pruned["accuracy"]


@pytest.mark.parametrize("recover", ["none", "finetune", "reinit", "shuffle"])
def test_every_recovery_makes_sense_before_training(recover):
    result = fold(run(RunSpec(method="snip", recover=recover, sparsity=0.8, epochs=2)))
    assert result.status == "finished", result.reason
    assert len(result.epochs) == sum(result.plan.values()) == (2 if recover == "none" else 4)


def test_outputs_without_a_path_are_counted_and_told():
    net = make_net(bias=True)
    assert reached(net, (12,)) == (3, 3)
    with torch.no_grad():
        net[4].weight[1] = 0.0
    assert reached(net, (12,)) == (2, 3)  # its bias is not a path
    with torch.no_grad():
        net[2].weight.zero_()
    assert reached(net, (12,)) == (0, 3)
    spec = RunSpec(method="random", sparsity=0.99, epochs=1, recover="none")
    told = fold(run(spec)).warnings
    assert any(re.search(r"Only \d of 10 outputs have a path", message) for message in told), told


def test_normalisation_is_its_scale_while_flow_is_measured():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2), nn.Tanh()).eval()
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -2.0], [0.0, 3.0]]))
        net[1].weight.copy_(torch.tensor([-2.0, 1.0]))
        net[1].bias.fill_(9.0)
        net[1].running_mean.fill_(5.0)
        net[1].running_var.copy_(torch.tensor([4.0, 1.0]) - net[1].eps)
    flow = positive(net)(torch.ones(1, 2, dtype=torch.float64))
    assert flow[0].tolist() == pytest.approx([3.0, 3.0], rel=1e-6)


def test_flow_through_attention_is_not_defined():
    net = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    with pytest.raises(SpecError, match="1 is a LayerNorm: flow through it is not defined"):
        synflow(net, (torch.zeros(1, 4), None), sparsity=0.5)
    assert reached(net, (4,)) == (0, 0)


def test_layers_of_two_dtypes_are_refused_by_name():
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2).to(torch.bfloat16))
    with pytest.raises(SpecError, match=r"1 is bfloat16 and 0 float32.*net\.float\(\)"):
        weights(net)
