"""Networks trained together: the values of each are those it has alone, whatever it is made of."""

from __future__ import annotations

import copy
import shutil

import pytest
import torch
from little import images, perceptron
from torch import nn

import prunelab as pl
from prunelab import cohort, together
from prunelab.cover import Cover
from prunelab.store import Store
from prunelab.strands import Strand, ask
from prunelab.together import Work, side_by_side
from prunelab.training import Diverged, Learner, Recipe, Training, fit, seeded, tensors

EXACT = {"rtol": 1e-3, "atol": 1e-4}  # single precision, summed in another order


@pytest.fixture(scope="module")
def parts():
    return images()


def again():
    relu = nn.ReLU()  # one activation twice, as one writes it
    one, two, three = nn.Linear(36, 8), nn.Linear(8, 8), nn.Linear(8, 3)
    return nn.Sequential(nn.Flatten(), one, relu, two, relu, three)


def convolutional():
    conv = nn.Conv2d(1, 4, 3, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def dropping():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 8), nn.Dropout(0.3), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)
    )


def trained(make, parts, seed, recipe, share=0.5):
    """What a run does around a training: fresh values by the seed, a mask, then all epochs."""
    torch.manual_seed(seed)
    net = make()
    covers = {
        name: torch.rand(p.shape, generator=seeded(seed, name)) > share
        for name, p in net.named_parameters()
        if p.ndim > 1 and seed  # the first is dense
    }
    events = list(fit(net, parts, recipe, phase="dense", seed=seed, cover=Cover(covers)))
    return net, events


def both(make, parts, recipe, tmp_path, seeds=(0, 1, 2)):
    calls = [lambda s=s: trained(make, parts, s, recipe) for s in seeds]
    works = [Work(pl.RunSpec(seed=s), c, tmp_path) for s, c in zip(seeds, calls, strict=True)]
    return [call() for call in calls], side_by_side(works, lambda: None)


@pytest.fixture
def always(monkeypatch):
    """Together whether it pays or not; says how many trained at once."""
    sizes = []
    plain = cohort.epoch_together

    def counted(stack, *rest):
        sizes.append(len(stack.trainings))
        return plain(stack, *rest)

    monkeypatch.setattr(together, "pays", lambda *_: True)
    monkeypatch.setattr(together, "epoch_together", counted)
    return sizes


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("make", [perceptron, again, convolutional, dropping])
def test_values_and_events_are_those_of_a_training_alone(make, optimizer, parts, tmp_path, always):
    lr = 0.05 if optimizer == "sgd" else 1e-3
    recipe = Recipe(epochs=3, lr=lr, batch_size=16, optimizer=optimizer)
    alone, joined = both(make, parts, recipe, tmp_path)
    assert always == [3, 3, 3]
    for (net, events), (other, told) in zip(alone, joined, strict=True):
        for name, tensor in net.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], tensor, **EXACT)
        assert [e.epoch for e in told] == [e.epoch for e in events] == [1, 2, 3]
        assert [e.loss for e in told] == pytest.approx([e.loss for e in events], rel=1e-3)
        zeros = [(p == 0).sum() for p in net.parameters()]
        assert [(p == 0).sum() for p in other.parameters()] == zeros


def test_no_more_begin_than_there_is_room_for(parts, tmp_path, always, monkeypatch):
    recipe = Recipe(epochs=2, batch_size=16)
    size = sum(p.nbytes for p in perceptron().parameters())
    monkeypatch.setattr(together, "ROOM", 2 * size)
    alone, joined = both(perceptron, parts, recipe, tmp_path, seeds=range(5))
    assert always == [2, 2, 2, 2]  # the fifth has nobody left to go with
    for (net, _), (other, _) in zip(alone, joined, strict=True):
        for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(theirs, mine, **EXACT)


def test_one_that_diverges_does_not_harm_the_others(parts, tmp_path, always):
    recipe = Recipe(epochs=2, lr=0.05, batch_size=16)

    def broken():
        torch.manual_seed(1)
        net = perceptron()
        net[1].weight.data[0, 0] = float("nan")
        return list(fit(net, parts, recipe, phase="dense", seed=1, cover=Cover({})))

    fine = []
    works = [
        Work(
            pl.RunSpec(seed=0), lambda: fine.append(trained(perceptron, parts, 0, recipe)), tmp_path
        ),
        Work(pl.RunSpec(seed=1), broken, tmp_path),
    ]
    with pytest.raises(Diverged, match="became nan"):
        side_by_side(works, lambda: None)
    assert len(fine[0][1]) == 2


class Noisy(nn.Module):
    """Draws in a way that cannot be drawn for several at once."""

    def forward(self, x):
        return x + torch.randn_like(x)


def test_what_cannot_be_stacked_trains_alone_with_the_same_numbers(parts, tmp_path):
    def make():
        return nn.Sequential(nn.Flatten(), Noisy(), nn.Linear(36, 3))

    alone, joined = both(make, parts, Recipe(epochs=2, lr=0.05, batch_size=16), tmp_path)
    for (net, _), (other, _) in zip(alone, joined, strict=True):
        assert all(map(torch.equal, net.state_dict().values(), other.state_dict().values()))


def test_a_layer_that_comes_twice_trains_alone(parts, tmp_path, always):
    def twice():
        layer = nn.Linear(36, 36)
        return nn.Sequential(nn.Flatten(), layer, nn.Tanh(), layer, nn.Linear(36, 3))

    alone, joined = both(twice, parts, Recipe(epochs=1, lr=0.05, batch_size=16), tmp_path)
    assert always == []
    for (net, _), (other, _) in zip(alone, joined, strict=True):
        assert torch.equal(net[1].weight, other[1].weight)


def test_a_network_that_is_watched_trains_alone(parts, tmp_path, always):
    """A hook sees the answers of its own network, batch by batch, as it does in a run alone."""

    def watched(seed):
        torch.manual_seed(seed)
        net, seen = perceptron(), []
        net.register_forward_hook(lambda _, given, answers: seen.append(answers.detach().clone()))
        list(
            fit(net, parts, Recipe(epochs=1, batch_size=16), phase="a", seed=seed, cover=Cover({}))
        )
        return torch.cat(seen)

    works = [Work(pl.RunSpec(seed=s), lambda s=s: watched(s), tmp_path) for s in (0, 1)]
    assert all(map(torch.equal, side_by_side(works, lambda: None), map(watched, (0, 1))))
    assert always == []


@pytest.mark.parametrize(
    ("all_at_once", "in_turn", "chosen"),
    [(16.0, 8.0, True), (16.0, 4.0, False), (14.0, 4.0, True), (15.0, 4.0, False)],
)
def test_together_is_chosen_where_a_network_takes_a_tenth_less(
    all_at_once, in_turn, chosen, parts, monkeypatch
):
    """The clock is told: so long for 16 networks together, so long for 4 one after the other."""
    steps, told = [], iter([all_at_once, in_turn])
    monkeypatch.setattr(cohort, "step", lambda one, _: steps.append(id(one)) or ())

    def clock(*ways):
        for call, _ in ways:
            call()
        return [next(told) / many for _, many in ways]

    monkeypatch.setattr(cohort, "_seconds", clock)
    recipe = Recipe(epochs=1, lr=0.05, batch_size=16)
    trainings = [
        Training(
            net := perceptron(),
            tensors(parts.train),
            recipe,
            Cover({}),
            Learner(),
            recipe.build(net),
            (seed, "dense"),
        )
        for seed in range(20)
    ]
    assert cohort.pays(trainings, 1) is chosen
    assert len(set(steps)) == len(steps) == 4


def test_a_trial_is_made_once_for_all_numbers_it_does_not_tell_apart(parts, monkeypatch):
    tried = []
    monkeypatch.setattr(together, "pays", lambda some, _: tried.append(len(some)))
    recipe, net = Recipe(epochs=1), perceptron()
    one = Training(
        net, tensors(parts.train), recipe, Cover({}), Learner(), recipe.build(net), (0, "")
    )
    paid = {}
    for many in (2, 64, 22, 16, 2, 3):
        together._known([one] * many, 1, paid)
    assert tried == [2, 64, 3]


def test_trying_leaves_no_trace(parts):
    seen = []

    def record(training, epoch):
        seen.append(copy.deepcopy(training.net.state_dict()))
        cohort.pays([training, training], epoch)
        seen.append(training.net.state_dict())
        return 0.0
        yield

    from prunelab.training import PASS

    token = PASS.set(record)
    trained(convolutional, parts, 0, Recipe(epochs=1, batch_size=16))
    PASS.reset(token)
    before, after = seen
    assert all(map(torch.equal, before.values(), after.values()))


def test_a_sweep_together_is_the_sweep_one_by_one(home, always):
    asked = {
        "model": "mlp", "method": ["magnitude", "random", "gradual-magnitude"], "seed": [0, 1],
        "sparsity": 0.5, "epochs": 2, "recover_epochs": 2, "progress": False,
    }  # fmt: skip
    joined = pl.sweep(**asked)
    assert always[:2] == [2, 2]  # a dense network for each seed
    assert max(always) == 4  # all that recover: gradual pruning trains by itself
    losses = [[e.loss for e in r.result.epochs] for r in joined]
    shutil.rmtree(home / "files" / "dense")
    apart = pl.sweep(together=False, again=True, **asked)
    assert [r.key for r in joined] == [r.key for r in apart]
    for one, other, before in zip(joined, apart, losses, strict=True):
        assert one.result.status == other.result.status == "finished"
        assert [e.loss for e in other.result.epochs] == pytest.approx(before, rel=1e-3)
        assert one.result.sparsity == other.result.sparsity
        assert one.result.manifest["together"]
        assert "together" not in other.result.manifest
        assert (one.folder / "run.json").exists()


def test_a_failed_run_of_a_sweep_is_told_when_all_have_ended(home):
    with pytest.raises(RuntimeError, match=r"failed: The loss became"):
        pl.sweep(lr=[10.0, 0.05], seed=5, epochs=8, recover_epochs=1, progress=False)
    states = [row.state for row in Store().runs(limit=10)]
    assert sorted(states) == ["failed", "failed", "finished", "finished"]  # with random beside


def test_an_interrupt_ends_every_strand(parts, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(together, "pays", stop)
    heard = []

    def call(seed):
        try:
            trained(perceptron, parts, seed, Recipe(epochs=2, batch_size=16))
        except KeyboardInterrupt:
            heard.append(seed)
            raise

    works = [Work(pl.RunSpec(seed=s), lambda s=s: call(s), tmp_path) for s in (0, 1)]
    with pytest.raises(KeyboardInterrupt):
        side_by_side(works, lambda: None)
    assert heard == [0, 1]


def test_only_small_networks_on_the_same_data_go_together():
    base = pl.RunSpec()
    small, large = base, pl.RunSpec(model="resnet-20")
    tree = pl.RunSpec(model="decision-tree", method="cost-complexity")
    other = pl.RunSpec(sparsity=0.5, seed=3)
    wine = pl.RunSpec(data="wine")
    assert together.groups([small, large, other, tree, wine]) == [[0, 2], [1], [3], [4]]


def test_a_strand_answers_only_inside():
    with pytest.raises(RuntimeError, match="outside a strand"):
        ask("anybody?")
    strand = Strand(lambda: ask("how many?") + 1)
    strand.resume()
    assert strand.question == "how many?"
    strand.resume(41)
    assert (strand.over, strand.result) == (True, 42)
