"""The training loop: zeros stay zero under every optimiser, and a mask is a smaller network."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from prunelab.cover import Cover, apply, zeros_kept
from prunelab.parts import Table, split
from prunelab.training import Diverged, Recipe, fit


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 40)
    x = (rng.normal(size=(120, 6)) + y[:, None]).astype(np.float32)
    return split(Table(x=x, y=y.astype(np.int64), classes=("a", "b", "c")))


def make_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def make_cover(net, share=0.5, seed=1):
    generator = torch.Generator().manual_seed(seed)
    drawn = {n: torch.rand(p.shape, generator=generator) > share for n, p in net.named_parameters()}
    return Cover({n: m for n, m in drawn.items() if "weight" in n})


OPTIMIZERS = {
    "sgd": lambda p, wd: torch.optim.SGD(p, 0.1, weight_decay=wd),
    "momentum": lambda p, wd: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=wd),
    "nesterov": lambda p, wd: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=wd),
    "adam": lambda p, wd: torch.optim.Adam(p, weight_decay=wd),
    "amsgrad": lambda p, wd: torch.optim.Adam(p, amsgrad=True, weight_decay=wd),
    "adamw": lambda p, wd: torch.optim.AdamW(p, weight_decay=wd),
    "rmsprop": lambda p, wd: torch.optim.RMSprop(p, momentum=0.9, weight_decay=wd),
    "adadelta": lambda p, wd: torch.optim.Adadelta(p, weight_decay=wd),
    "adagrad": lambda p, wd: torch.optim.Adagrad(p, weight_decay=wd),
}


@pytest.mark.parametrize("decay", [0.0, 1e-2])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_pruned_weights_stay_exactly_zero(name, decay):
    net = make_net()
    optimizer = OPTIMIZERS[name](net.parameters(), decay)
    x, y = torch.randn(16, 6), torch.arange(16) % 3
    cover = Cover({})
    for step in range(8):
        if step == 3:  # after some dense steps, so that the optimiser remembers dense gradients
            cover = make_cover(net)
            apply(net, cover, optimizer)
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        apply(net, cover, optimizer)
    for parameter, mask in zip(
        (net[0].weight, net[2].weight), cover.parameters.values(), strict=True
    ):
        gone = parameter[~mask]
        assert gone.numel()
        assert not gone.count_nonzero()
        assert not torch.signbit(gone).any()
        for value in optimizer.state[parameter].values():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                assert not value[~mask].count_nonzero()


def test_masked_training_is_training_without_those_weights(parts):
    """Two hidden neurons masked out, or never there: the same weights after training."""
    torch.set_num_threads(1)
    wide = make_net().double()
    mask = torch.ones(8, dtype=torch.bool)
    mask[[2, 5]] = False
    cover = {
        "0.weight": mask[:, None].expand(8, 6),
        "0.bias": mask,
        "2.weight": mask[None].expand(3, 8),
    }
    narrow = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    with torch.no_grad():
        narrow[0].weight.copy_(wide[0].weight[mask])
        narrow[0].bias.copy_(wide[0].bias[mask])
        narrow[2].weight.copy_(wide[2].weight[:, mask])
        narrow[2].bias.copy_(wide[2].bias)
    x, y = torch.randn(30, 6, dtype=torch.float64), torch.arange(30) % 3
    for net, covered in ((wide, Cover(cover)), (narrow, Cover({}))):
        optimizer = Recipe(epochs=1, lr=0.1).build(net)
        apply(net, covered, optimizer)
        for _ in range(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
            apply(net, covered, optimizer)
    assert torch.allclose(wide(x), narrow(x), atol=1e-12)


def test_fit_repeats_bit_for_bit_and_learns(parts):
    runs = []
    for _ in range(2):
        net = make_net()
        epochs = list(
            fit(net, parts, Recipe(epochs=8, lr=0.05), phase="dense", seed=3, cover=Cover({}))
        )
        runs.append((epochs, net.state_dict()))
    assert runs[0][0] == runs[1][0]
    assert all(torch.equal(runs[0][1][n], runs[1][1][n]) for n in runs[0][1])
    assert runs[0][0][-1].loss < runs[0][0][0].loss


def test_another_seed_is_another_order(parts):
    losses = {
        next(
            fit(make_net(), parts, Recipe(epochs=1), phase="dense", seed=seed, cover=Cover({}))
        ).loss
        for seed in range(3)
    }
    assert len(losses) == 3


def test_an_empty_cover_changes_nothing(parts):
    one, two = make_net(), make_net()
    full = Cover({n: torch.ones_like(p, dtype=torch.bool) for n, p in two.named_parameters()})
    recipe = Recipe(epochs=3, lr=0.05)
    first = list(fit(one, parts, recipe, phase="p", seed=0, cover=Cover({})))
    second = list(fit(two, parts, recipe, phase="p", seed=0, cover=full))
    assert [e.loss for e in first] == [e.loss for e in second]
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_fit_says_when_the_loss_explodes(parts):
    recipe = Recipe(epochs=5, lr=1e30)
    with pytest.raises(
        Diverged, match=r"became (nan|inf) in epoch \d of 5 \(dense\): \w+.* holds NaN"
    ):
        list(fit(make_net(), parts, recipe, phase="dense", seed=0, cover=Cover({})))


def test_fit_notices_weights_that_come_back(parts, monkeypatch):
    monkeypatch.setattr("prunelab.training.apply", lambda *_: None)
    net = make_net()
    with pytest.raises(RuntimeError, match="Pruned weights came back in epoch 1"):
        list(fit(net, parts, Recipe(epochs=1), phase="x", seed=0, cover=make_cover(net)))


def test_an_unknown_optimizer_is_named():
    with pytest.raises(ValueError, match="optimizer must be sgd or adam, got 'lion'"):
        Recipe(epochs=1, optimizer="lion").build(make_net())


def test_zeros_kept_sees_a_single_weight():
    net = make_net()
    cover = make_cover(net)
    apply(net, cover)
    assert zeros_kept(net, cover)
    again = copy.deepcopy(net)
    with torch.no_grad():
        again[0].weight[~cover.parameters["0.weight"]] = 1e-30
    assert not zeros_kept(again, cover)


def test_what_a_latent_cover_shows_follows_its_mask_and_leaves_the_weights_alone():
    w = torch.tensor([1.0, -0.0, float("nan"), -2.0], requires_grad=True)
    cover = Cover({"w": torch.tensor([True, False, False, True])}, latent=True)
    for _ in range(2):
        seen = cover.seen({"w": w})["w"]
        assert seen.tolist() == [1, 0, 0, -2]
        assert not torch.signbit(seen[1])
        assert not seen.requires_grad
    with torch.no_grad():
        w[0] = 3.0
    assert cover.seen({"w": w})["w"].tolist() == [3, 0, 0, -2]
    cover.parameters = {"w": torch.tensor([False, True, False, True])}
    assert cover.seen({"w": w})["w"].tolist() == [0, 0, 0, -2]
    assert w[0] == 3
