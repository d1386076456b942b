"""Methods that learn while the network trains, each against its oracle."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from prunelab.course import Course, Memory
from prunelab.events import Epoch, Pruned, Warned, fold
from prunelab.experiment import run
from prunelab.job import prepare
from prunelab.lab import Lab, state
from prunelab.learn import train_and_prune
from prunelab.masks import select
from prunelab.methods import l0 as gates
from prunelab.methods import rigl, sr_ste
from prunelab.methods import set as set_module
from prunelab.methods import variational_dropout as noise
from prunelab.methods.movement import movement
from prunelab.methods.n_m import n_m
from prunelab.methods.soft_movement import soft_movement
from prunelab.probes import weights
from prunelab.registry import METHODS
from prunelab.spec import RunSpec, SpecError
from prunelab.training import Cover, Recipe, apply
from prunelab.units.patterns import blockwise, pattern


def lab_of(method, sparsity=0.9, epochs=3, seed=0, **knobs):
    spec = RunSpec(method=method, sparsity=sparsity, epochs=epochs, seed=seed, knobs=knobs)
    job = prepare(spec)
    net = job.build()
    return job, Lab(net=net, first=state(net), mask={}, cover=Cover({}))


def train(job, lab):
    return list(train_and_prune(job, lab))


def test_rigl_pinned_step():
    w = torch.tensor([[0.5, -0.1, 0.3, 0.05, -0.7, 0, 0, 0, 0, 0]], requires_grad=True)
    w.grad = torch.tensor([[0.1, 0.9, 0.2, 0.05, 0.3, 0.8, -0.6, 0.2, 0.1, 0]])
    mask = torch.arange(10).reshape(1, 10) < 5
    scores = rigl.scores({"w": w}, {"w": mask}, 0.4)
    assert (scores["w"] == 2).nonzero()[:, 1].tolist() == [0, 2, 4]
    new = select(scores, {"w": 5})["w"]
    assert new.nonzero()[:, 1].tolist() == [0, 1, 2, 4, 5]
    grown = w.detach() * new
    assert grown[0, 1] == w[0, 1]  # dropped and grown again: it keeps its value
    assert grown[0, 5] == 0


def test_rigl_drops_along_a_cosine(monkeypatch):
    shares = []
    monkeypatch.setattr(rigl, "scores", lambda layers, mask, share: shares.append(share))
    net = nn.Sequential(nn.Linear(4, 4))
    course = Course(steps=1000)
    method = rigl.rigl(net, None, course=course, seed=0, every=1, drop=0.3, stop=1.0)
    next(method)
    course.mask = {"0": torch.eye(4, dtype=torch.bool)}
    for step in (100, 250, 500, 750, 900):
        course.step = step
        next(method)
    assert shares == pytest.approx([0.292658, 0.256066, 0.15, 0.043934, 0.007342], abs=1e-6)
    course.step = 1000
    next(method)
    assert len(shares) == 5


@pytest.mark.parametrize("method", ["rigl", "set"])
def test_rewiring_keeps_every_layer_as_full_as_it_was(method, monkeypatch):
    job, lab = lab_of(method, every=5, stop=0.9)
    counts, seen = set(), []
    plain = job.unit.cover

    def cover(net, data, mask):
        counts.add(tuple(int(m.sum()) for m in mask.values()))
        seen.append({n: m.clone() for n, m in mask.items()})
        return plain(net, data, mask)

    job = replace(job, unit=replace(job.unit, cover=cover))
    train(job, lab)
    assert len(counts) == 1
    assert len(seen) > 8
    assert all((a["fc1"] ^ b["fc1"]).any() for a, b in itertools.pairwise(seen[:6]))


def test_growing_alone_does_not_change_the_outputs():
    job, lab = lab_of("rigl", every=7)
    train(job, lab)
    x = torch.from_numpy(job.parts.train.x[:50])
    grown = copy.deepcopy(lab.net)
    cover = {f"{n}.weight": m | (torch.rand(m.shape) < 0.1) for n, m in lab.mask.items()}
    apply(grown, Cover(cover))
    assert torch.equal(lab.net(x), grown(x))


def test_rigl_without_dropping_is_static_training():
    static = fold(run(RunSpec(method="static", sparsity=0.9, epochs=3)))
    still = fold(run(RunSpec(method="rigl", sparsity=0.9, epochs=3, knobs={"drop": 0.0})))
    assert [e.loss for e in static.epochs] == [e.loss for e in still.epochs]
    moving = fold(run(RunSpec(method="rigl", sparsity=0.9, epochs=3)))
    assert [e.loss for e in moving.epochs] != [e.loss for e in still.epochs]


def test_rigl_sees_dense_gradients_of_the_masked_network_and_takes_no_step(monkeypatch):
    job, lab = lab_of("rigl", every=10, epochs=2)
    changes, steps = [], []
    plain, build = rigl.scores, Recipe.build

    def spy(layers, mask, share):
        changes.append(share)
        for name, w in layers.items():
            assert not w[~mask[name]].count_nonzero()
            assert mask[name].all() or w.grad[~mask[name]].count_nonzero()
        return plain(layers, mask, share)

    def counted(self, net):
        optimizer = build(self, net)
        optimizer.register_step_post_hook(lambda *_: steps.append(1))
        return optimizer

    monkeypatch.setattr(rigl, "scores", spy)
    monkeypatch.setattr(Recipe, "build", counted)
    train(job, lab)
    assert len(changes) == 3  # at steps 10, 20 and 30 of 44, the last within three quarters
    assert len(steps) == 44 - 3


def test_set_drops_the_smallest_of_each_sign():
    w = torch.tensor([0.1, 0.2, 0.3, 0.4, -0.5, -0.6, -0.7, -0.8, 0.9, 0.0])
    mask = w != 0
    left = set_module.stays(w, mask, 0.5, "sign")
    assert left.nonzero().flatten().tolist() == [2, 3, 6, 7, 8]
    left = set_module.stays(w, mask, 0.5, "magnitude")
    assert left.nonzero().flatten().tolist() == [4, 5, 6, 7, 8]


def test_set_grows_uniformly_over_what_is_empty():
    net = nn.Sequential(nn.Linear(10, 4))
    mask = torch.zeros(4, 10, dtype=torch.bool)
    mask[0] = True
    hits = torch.zeros(4, 10)
    for seed in range(600):
        course = Course(steps=100)
        method = set_module.set_(
            net, None, course=course, seed=seed, every=1, drop=0.4, decay=False
        )
        next(method)
        course.mask, course.step = {"0": mask}, 1
        hits += select(next(method), {"0": 10})["0"]
    left = set_module.stays(net[0].weight.detach(), mask, 0.4, "magnitude")
    assert int(left.sum()) == 6
    drawn = hits[~left]
    expected = 600 * 4 / 34
    assert float(drawn.sum()) == 600 * 4
    assert float(((drawn - expected) ** 2 / expected).sum()) < 60  # χ² with 33 degrees of freedom
    assert bool((hits[left] == 600).all())


def test_movement_is_the_sum_of_gradient_times_weight():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    memory, course = Memory(), Course(steps=5)
    method = movement(net, None, memory=memory, course=course)
    scores = next(method)
    mine = {n: np.zeros(w.shape) for n, w in weights(net).items()}
    x, y = torch.randn(20, 6).double(), torch.arange(20) % 3
    mask = {n: w.detach().abs() > 0.1 for n, w in weights(net).items()}
    for step in range(1, 6):
        course.step, course.mask = step, mask
        net.zero_grad()
        nn.functional.cross_entropy(net(x) * step, y).backward()
        for n, w in weights(net).items():
            mine[n] -= w.grad.numpy() * w.detach().numpy()
        next(method)
        for n, w in weights(net).items():
            assert not w.grad[~mask[n]].count_nonzero()
            assert w.grad[mask[n]].count_nonzero()
    assert all(np.allclose(scores[n], mine[n], atol=1e-12) for n in mine)


def test_movement_learns_scores_of_what_is_masked():
    """The gradient of the masked network reaches the score of a weight that is not in it."""
    job, lab = lab_of("movement", sparsity=0.9, epochs=4, begin=0.0, end=0.5)
    events = train_and_prune(job, lab)
    for event in events:
        if isinstance(event, Pruned) and event.round == event.rounds:
            break
    latent = {n: w.detach().clone() for n, w in weights(lab.net).items()}
    out = ~lab.mask["fc1"]
    assert latent["fc1"][out].count_nonzero() > 0.9 * int(out.sum())
    before = lab.learner.memory.tensors("moved", {})["fc1"].clone()
    epochs = (event for event in events if isinstance(event, Epoch))
    next(epochs), next(epochs)  # the first ends with the very step that chose the mask
    after = lab.learner.memory.tensors("moved", {})["fc1"]
    assert bool((after != before)[out].any())


def test_what_was_latent_is_zero_in_the_end_and_outputs_stay():
    job, lab = lab_of("movement", sparsity=0.8, epochs=3)
    x = torch.from_numpy(job.parts.validation.x)
    shown = [e.accuracy for e in train(job, lab) if isinstance(e, Epoch)]
    predicted = lab.net.eval()(x).argmax(1).numpy()
    assert float((predicted == job.parts.validation.y).mean()) == pytest.approx(shown[-1])
    for name, w in weights(lab.net).items():
        assert not w[~lab.mask[name]].count_nonzero()


def test_soft_movement_adds_the_slope_of_the_penalty():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    memory, course = Memory(), Course(steps=9)
    method = soft_movement(net, None, memory=memory, course=course, sparsity=0.5, penalty=3.0)
    next(method)
    scores = {n: memory.tensors("scores", {})[n] for n in weights(net)}
    with torch.no_grad():
        for s in scores.values():
            s.normal_()
    course.mask = {n: torch.rand(w.shape) < 0.5 for n, w in weights(net).items()}
    x, y = torch.randn(20, 6).double(), torch.arange(20) % 3
    nn.functional.cross_entropy(net(x), y).backward()
    dense = {n: w.grad.clone() for n, w in weights(net).items()}
    course.step = 1
    next(method)
    gone = 1 - sum(int(m.sum()) for m in course.mask.values()) / 36
    leaves = {n: s.detach().clone().requires_grad_() for n, s in scores.items()}
    loss = 3.0 * gone / 0.5 * sum(torch.sigmoid(s).mean() for s in leaves.values()) / 2
    loss.backward()
    for n, w in weights(net).items():
        assert torch.allclose(scores[n].grad, dense[n] * w.detach() + leaves[n].grad, atol=1e-12)


def test_two_of_four_is_the_mask_of_torch():
    from torch.ao.pruning import WeightNormSparsifier

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    scores = n_m(net, None, sparsity=0.5)
    masks = select(scores, {"0": 64, "2": 16})
    sparsifier = WeightNormSparsifier(
        sparsity_level=1.0, sparse_block_shape=(1, 4), zeros_per_block=2
    )
    other = copy.deepcopy(net)
    sparsifier.prepare(other, [{"tensor_fqn": f"{n}.weight"} for n in ("0", "2")])
    sparsifier.step()
    for name in ("0", "2"):
        theirs = other.get_submodule(name).parametrizations.weight[0].mask.bool()
        assert torch.equal(masks[name], theirs)
        assert bool((masks[name].reshape(-1, 4).sum(1) == 2).all())


def test_blocks_of_a_convolution_lie_along_its_input_channels():
    w = torch.randn(3, 8, 2, 2)
    mask = select({"c": blockwise("c", w, 4)}, {"c": w.numel() // 2})["c"]
    assert bool((mask.reshape(3, 2, 4, 2, 2).sum(2) == 2).all())
    best = w.abs().reshape(3, 2, 4, 2, 2).topk(2, dim=2).values.sum()
    assert float(w.abs()[mask].sum()) == pytest.approx(float(best), rel=1e-6)


def test_an_n_m_pattern_is_refused_where_it_cannot_be_and_named_where_it_is_not():
    with pytest.raises(SpecError, match="conv1 has 6 inputs, which blocks of 4 do not divide; cho"):
        blockwise("conv1", torch.zeros(2, 6), 4)
    with pytest.raises(SpecError, match="another model or method"):
        blockwise("conv1", torch.zeros(2, 1, 3, 3), 4)
    assert pattern(0.5, 4) == pattern(0.75, 4) == pattern(0.0, 4) == ""
    assert "Ask for" in pattern(0.9, 4)
    events = list(run(RunSpec(method="n-m", sparsity=0.6, epochs=1, recover="none")))
    assert any(isinstance(e, Warned) and "0.5 for 2:4" in e.message for e in events)
    last = list(run(RunSpec(method="n-m", model="lenet-5", sparsity=0.5, epochs=1)))[-1]
    assert last.reason.startswith("conv1 has 1 inputs")
    assert last.advice == "Change the setting it names."


def test_sr_ste_pulls_what_is_pruned_to_zero():
    net = nn.Sequential(nn.Linear(8, 4))
    course = Course(steps=9)
    method = sr_ste.sr_ste(net, None, course=course, sparsity=0.5, decay=0.1)
    next(method)
    course.mask, course.step = {"0": torch.rand(4, 8) < 0.5}, 1
    w = net[0].weight
    w.grad = torch.randn(4, 8)
    before = w.grad.clone()
    next(method)
    assert torch.allclose(w.grad, before + 0.1 * w.detach() * ~course.mask["0"])


def test_sr_ste_ends_with_the_pattern():
    result = fold(run(RunSpec(method="sr-ste", sparsity=0.5, epochs=3)))
    assert result.status == "finished", result.reason
    assert result.recovered["validation_accuracy"] > 0.8
    job, lab = lab_of("sr-ste", sparsity=0.5)
    train(job, lab)
    for w in weights(lab.net).values():
        assert int((w.reshape(-1, 4) != 0).sum(1).max()) <= 2


def test_divergence_of_variational_dropout_is_the_published_fit():
    at = torch.tensor([-5.0, -2, 0, 1, 3, 5], dtype=torch.float64)
    fitted = [3.136684, 1.540533, 0.431239, 0.177970, 0.025420, 0.003415]
    exact = [3.131778, 1.544155, 0.426686, 0.173194, 0.024688, 0.003365]
    assert noise.kl(at).tolist() == pytest.approx(fitted, abs=2e-6)
    assert noise.kl(at).tolist() == pytest.approx(exact, abs=0.0094)
    fine = torch.linspace(-8, 8, 400, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(noise.kl(fine).sum(), fine)
    assert bool((slope < 0).all())


def test_noise_has_the_mean_and_variance_it_should():
    torch.manual_seed(0)
    layer = nn.Linear(5, 3)
    log_var = torch.full((3, 5), -3.0)
    course = Course()
    forward = noise._noisy("l", log_var, course, 0)
    x = torch.randn(1, 5).expand(20000, 5)
    with torch.no_grad():
        drawn = forward(layer, x)
        heard = layer.weight * (noise.log_alpha(layer.weight, log_var) < 3)
        mean = nn.functional.linear(x[:1], heard, layer.bias)[0]
        spread = (x[:1].square() @ log_var.exp().T)[0]
    assert torch.allclose(drawn.mean(0), mean, atol=5 * float((spread / 20000).sqrt().max()))
    assert torch.allclose(drawn.var(0), spread, rtol=0.06)
    with torch.no_grad():
        quiet = noise._noisy("l", torch.full((3, 5), -30.0), course, 0)(layer, x[:4])
        assert torch.allclose(quiet, layer(x[:4]), atol=1e-3)


GATES = {  # log α: P(z > 0), E[z], the gate of the test network
    -2.397895: (0.310176, 0.102718, 0.0),
    -1.0: (0.645335, 0.292946, 0.222730),
    0.0: (0.831822, 0.5, 0.5),
    1.0: (0.930771, 0.707054, 0.777270),
    2.197: (0.978024, 0.878437, 0.979976),
    2.397895: (0.981952, 0.897282, 1.0),
}


@pytest.mark.parametrize("log_alpha", GATES)
def test_gates_pinned(log_alpha):
    some, mean, final = GATES[log_alpha]
    at = torch.tensor(log_alpha, dtype=torch.float64)
    assert float(gates.opened(at)) == pytest.approx(some, abs=1e-6)
    assert float(gates.final(at)) == pytest.approx(final, abs=1e-6)
    u = torch.rand(200_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z = gates.sample(at, u)
    assert float((z > 0).double().mean()) == pytest.approx(some, abs=0.004)
    assert float(z.mean()) == pytest.approx(mean, abs=0.004)


def test_open_gates_are_the_dense_network():
    assert float(gates.final(torch.tensor(50.0))) == 1.0
    assert float(gates.final(torch.tensor(-50.0))) == 0.0
    slope = torch.tensor(0.3, requires_grad=True)
    gates.opened(slope).backward()
    p = float(gates.opened(torch.tensor(0.3)))
    assert float(slope.grad) == pytest.approx(p * (1 - p), rel=1e-5)


@pytest.mark.parametrize("method", ["variational-dropout", "l0"])
def test_learned_sparsity_says_its_own_answer_and_keeps_what_was_asked(method):
    events = list(run(RunSpec(method=method, sparsity=0.9, epochs=3)))
    result = fold(events)
    assert result.status == "finished", result.reason
    assert result.sparsity["achieved"] == 0.9
    assert any("own answer" in w and "of 50200 weights" in w for w in result.warnings)


@pytest.mark.parametrize("method", ["variational-dropout", "l0"])
def test_settled_at_the_end_what_is_measured_is_what_was_chosen(method):
    result = fold(run(RunSpec(method=method, sparsity=0.5, epochs=3, knobs={"settle": 1.0})))
    assert result.pruned["accuracy"] == pytest.approx(result.recovered["accuracy"], abs=0.03)


def test_memory_comes_back_from_its_state():
    like = {"fc": torch.ones(2, 3)}
    memory = Memory()
    memory.tensors("moved", like, 2.0)["fc"] += 1
    memory.parameters("gate", like, start=lambda n, w: w * 5, lr=0.1)
    again = Memory()
    again.load(memory.state())
    assert torch.equal(again.tensors("moved", like)["fc"], torch.full((2, 3), 3.0))
    assert float(again.parameters("gate", like, lr=0.1)["fc"].detach()[0, 0]) == 5
    group = again.groups()[0]
    assert group["lr"] == 0.1
    assert group["weight_decay"] == 0.0
    assert group["params"][0].requires_grad


@pytest.mark.parametrize(
    "method",
    [
        name
        for name, entry in METHODS.items()
        if entry.when == "training" and "weights" in entry.units and name != "gradual-magnitude"
    ],
)
def test_frozen_layers_cannot_learn(method):
    job, lab = lab_of(method, sparsity=0.5)
    lab.net.fc2.weight.requires_grad_(False)
    with pytest.raises(SpecError, match="fc2 is frozen"):
        train(job, lab)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_the_optimiser_remembers_of_pruned_weights_is_zero_while_rewiring(optimizer):
    job, lab = lab_of("rigl", every=5)
    job = replace(job, train=replace(job.train, optimizer=optimizer, lr=1e-3))
    held = []
    plain = Recipe.build

    def build(self, net):
        held.append(plain(self, net))
        return held[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recipe, "build", build)
        train(job, lab)
    for name, w in weights(lab.net).items():
        for value in held[0].state[w].values():
            if torch.is_tensor(value) and value.shape == w.shape:
                assert not value[~lab.mask[name]].count_nonzero()
                assert value.count_nonzero()
