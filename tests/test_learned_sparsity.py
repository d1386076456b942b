"""Variational dropout and L0 gates: pinned numbers, slopes by autograd, their own answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from labs import lab_of, train
from torch import nn

from prunelab.course import Course, Memory
from prunelab.cover import standing_in
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.masks import allocate, select
from prunelab.methods import l0 as gates
from prunelab.methods import variational_dropout as noise
from prunelab.methods.l0 import l0
from prunelab.probes import weights
from prunelab.registry import METHODS
from prunelab.spec import RunSpec


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
        mean = layer(x[:1])[0]
        spread = (x[:1].square() @ log_var.exp().T)[0]
    assert torch.allclose(drawn.mean(0), mean, atol=5 * float((spread / 20000).sqrt().max()))
    assert torch.allclose(drawn.var(0), spread, rtol=0.06)
    with torch.no_grad():
        quiet = noise._noisy("l", torch.full((3, 5), -30.0), course, 0)(layer, x[:4])
        assert torch.allclose(quiet, layer(x[:4]), atol=1e-3)


def test_the_exponential_is_the_exponential_and_its_slope():
    x = torch.linspace(-30, 5, 200, requires_grad=True)
    found = noise._Exponential.apply(x)
    assert torch.allclose(found, x.detach().exp(), rtol=5e-6, atol=0)
    found.backward(torch.arange(200.0))
    assert torch.allclose(x.grad, torch.arange(200.0) * x.detach().exp(), rtol=5e-6, atol=0)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_the_logarithm_is_the_logarithm_in_every_precision(kind):
    x = (torch.rand(7, 5) + 1e-8).to(kind)
    found = noise._log(x)
    assert found.dtype == kind
    assert torch.allclose(found, x.log(), rtol=1e-6)


def test_slopes_of_the_divergence_are_those_of_autograd():
    torch.manual_seed(0)
    w = torch.randn(4, 5, dtype=torch.float64).requires_grad_()
    log_var = (3 * torch.randn(4, 5, dtype=torch.float64) - 1).requires_grad_()
    at = noise.log_alpha(w, log_var)
    assert bool((at.abs() == 8).any())  # clipped: no slope
    assert bool((at > 3).any())  # drowned: not in the mean
    loss = (w * (at.detach() < 3) * torch.arange(20).reshape(4, 5)).sum()
    expected = torch.autograd.grad(loss + 0.3 * noise.kl(at).sum(), (w, log_var))
    w.grad = torch.arange(20, dtype=torch.float64).reshape(4, 5)
    noise._slopes(w, log_var, 0.3)
    assert torch.allclose(w.grad, expected[0], atol=1e-12)
    assert torch.allclose(log_var.grad, expected[1], atol=1e-12)


def test_weights_beyond_the_clip_are_ranked_and_not_tied():
    """Ties go by layer: at the clip the first layer would take the place of all the others."""
    layers = {"first": torch.full((4,), 1.0), "last": torch.tensor([2.0, 3.0, 1e-3, 1e-4])}
    silent = {n: torch.full_like(w, -9.0) for n, w in layers.items()}
    assert bool((noise.log_alpha(layers["first"], silent["first"]) == -8).all())
    scores = noise._scores(layers, silent)
    mask = select(scores, allocate(scores, 0.75))
    assert {n: int(m.sum()) for n, m in mask.items()} == {"first": 0, "last": 2}
    assert float(scores["last"][2]) > float(scores["last"][3])


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
    z = gates.sample(at, u.logit())
    assert float((z > 0).double().mean()) == pytest.approx(some, abs=0.004)
    assert float(z.mean()) == pytest.approx(mean, abs=0.004)


def test_open_gates_are_the_dense_network():
    assert float(gates.final(torch.tensor(50.0))) == 1.0
    assert float(gates.final(torch.tensor(-50.0))) == 0.0
    slope = torch.tensor(0.3, requires_grad=True)
    gates.opened(slope).backward()
    p = float(gates.opened(torch.tensor(0.3)))
    assert float(slope.grad) == pytest.approx(p * (1 - p), rel=1e-5)


@pytest.mark.parametrize("kind", ["weight", "group"])
def test_gates_and_weights_have_the_slopes_of_autograd(kind):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(48, 3)).double()
    memory, course = Memory(), Course(step=1, steps=9, due=False)
    method = l0(net, None, memory=memory, course=course, seed=0, penalty=0.7, gates=kind)
    next(method)
    found = memory.tensors("log_alpha", {})
    shapes = {n: tuple(g.shape) for n, g in found.items()}
    assert kind == "weight" or shapes == {"0": (3, 1, 1, 1), "2": (1, 48)}
    with torch.no_grad():
        for gate in found.values():
            gate.normal_()
    x, y = torch.randn(20, 1, 6, 6).double(), torch.arange(20) % 3
    names = {n: f"{n}.weight" for n in found}
    with standing_in(net, {names[n]: w for n, w in course.seen().items()}):
        nn.functional.cross_entropy(net(x), y).backward()
    next(method)
    table = gates._noise({n: g.detach() for n, g in found.items()}, 0)
    leaves = {n: g.detach().clone().requires_grad_() for n, g in found.items()}
    values = {n: w.detach().clone().requires_grad_() for n, w in weights(net).items()}
    seen, price = {}, 0.0
    for n, leaf in leaves.items():
        s = torch.sigmoid((leaf + gates._window(table, leaf.detach(), (0, 1, n))) / gates.BETA)
        seen[names[n]] = values[n] * (s * 1.2 - 0.1).clamp(0, 1)
        each = values[n].numel() // leaf.numel()
        price = price + 0.7 * each * gates.opened(leaf).sum()
    logits = torch.func.functional_call(net, seen, (x,))
    (nn.functional.cross_entropy(logits, y) + price).backward()
    for n, w in weights(net).items():
        assert torch.allclose(w.grad, values[n].grad, atol=1e-12)
        assert torch.allclose(found[n].grad, leaves[n].grad, atol=1e-12)


def test_the_noise_of_gates_is_logistic_and_another_at_every_step_and_layer():
    like = torch.zeros(200, 100)
    table = gates._noise({"fc": like}, 3)
    one, two = (gates._window(table, like, (3, step, "fc")) for step in (1, 2))
    other = gates._window(table, like, (3, 1, "out"))
    for drawn in (one, two, other):
        u = torch.sigmoid(drawn.double()).flatten().sort().values
        steps = torch.arange(1, len(u) + 1) / len(u)
        assert float((u - steps).abs().max()) < 1.63 / len(u) ** 0.5  # Kolmogorov, 1 %
    for a, b in ((one, two), (one, other)):
        assert abs(float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])) < 0.03


def test_gates_of_groups_shut_whole_inputs():
    events = list(run(RunSpec(method="l0", sparsity=0.9, epochs=3, knobs={"gates": "group"})))
    result = fold(events)
    assert result.status == "finished", result.reason
    assert result.sparsity["achieved"] == 0.9
    job, lab = lab_of("l0", gates="group")
    train(job, lab)
    cut = [n for n, m in lab.mask.items() if bool((m.any(0) & ~m.all(0)).any())]
    assert len(cut) <= 1  # the last group of one layer


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


@pytest.mark.parametrize("method", ["variational-dropout", "l0"])
def test_the_default_is_the_setting_of_highest_validation_accuracy(method):
    page = (Path(__file__).parents[1] / "docs" / "tuning.md").read_text(encoding="utf-8")
    lines = page.split(f"## {method}\n")[1].split("\n## ")[0].splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "±" in line]
    names = [c.strip() for c in next(x for x in lines if "accuracy" in x).split("|")[1:4]]
    best = max(table, key=lambda cells: float(cells[3].split()[0]))
    assert best[4] == "highest, default"
    entry = METHODS[method]
    default = {knob.name: knob.default for knob in entry.knobs} | dict(entry.recipe)
    assert [str(default[name]) for name in names] == best[:3]
