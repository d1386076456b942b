"""Runs and pruning of one's own models: what they say, what they refuse, and that methods work."""

from __future__ import annotations

import copy
import statistics
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import prunelab as pl
from prunelab import artefacts
from prunelab.checks import _numbers
from prunelab.events import Cancelled, Epoch, Failed, Finished, Histogram, Pruned, Started, fold
from prunelab.experiment import run
from prunelab.methods.iterative_magnitude import iterative_magnitude
from prunelab.parts import Parts
from prunelab.spec import RunSpec, SpecError

FAST = {"epochs": 2, "recover_epochs": 1}


def own_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))


def iter_into(source, seen):
    """Keep what came before an interrupt."""
    for event in source:
        seen.append(event)
    return ()


def test_a_run_tells_its_story_in_order():
    events = list(run(RunSpec(**FAST)))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert [e.phase for e in events if isinstance(e, Epoch)] == ["dense", "dense", "recover"]
    stages = [f"{e.quantity} {e.stage}" for e in events if isinstance(e, Histogram)]
    assert stages == [
        "weights start",
        "weights dense",
        "weights pruned",
        "scores pruned",
        "weights recovered",
    ]
    result = fold(events)
    assert result.sparsity == {"asked": 0.9, "achieved": 0.9, "of": 50200}
    assert sum(row["kept"] for row in result.layers) == 5020
    assert result.recovered["nonzero"] == 50610 - 45180


def test_the_threshold_of_magnitude_is_between_what_goes_and_what_stays():
    result = fold(run(RunSpec(**FAST)))
    thresholds = {row["name"]: row["threshold"] for row in result.layers}
    assert max(thresholds.values()) - min(thresholds.values()) < 1e-3  # one ranking
    assert 0 < min(thresholds.values()) < 1


@pytest.mark.parametrize("recover", ["none", "finetune", "rewind", "reinit"])
def test_each_recovery_trains_as_long_as_planned(recover):
    events = list(run(RunSpec(recover=recover, **FAST)))
    result = fold(events)
    assert result.status == "finished"
    assert len(result.epochs) == sum(result.plan.values())
    assert all(e.zeros_kept for e in result.epochs)
    same = result.pruned["accuracy"] == result.recovered["accuracy"]
    assert same == (recover == "none")


def test_rounds_are_nested_and_end_at_the_sparsity_asked_for():
    spec = RunSpec(method="iterative-magnitude", knobs={"rounds": 3}, **FAST)
    masks = [e for e in run(spec) if isinstance(e, Pruned)]
    shares = [1 - e.kept / e.of for e in masks]
    assert shares == sorted(shares)
    assert [e.round for e in masks] == [1, 2, 3]
    assert shares[-1] == 0.9


def test_hans_rule_is_a_multiple_of_the_deviation_of_each_layer():
    net = own_net()
    scores = iterative_magnitude(net, None)
    pruned = pl.prune(net, "magnitude", 0.5)
    for name in ("0", "2"):
        w = net.get_submodule(name).weight.detach()
        assert torch.allclose(scores[name] * w.std(correction=0), w.abs())
        left = pruned.get_submodule(name).weight.detach()
        again = iterative_magnitude(pruned, None)[name]
        assert torch.allclose(again * left[left != 0].std(correction=0), left.abs())


def test_gradual_pruning_follows_the_cubic_curve():
    knobs = {"begin": 0.0, "end": 1.0, "updates": 10}
    spec = RunSpec(method="gradual-magnitude", knobs=knobs, epochs=10)
    masks = [e for e in run(spec) if isinstance(e, Pruned)]
    shares = [1 - e.kept / e.of for e in masks]
    pinned = [0.2439, 0.4392, 0.5913, 0.7056, 0.7875, 0.8424, 0.8757, 0.8928, 0.8991, 0.9]
    assert shares == pytest.approx(pinned, abs=2e-4)


def test_a_kept_dense_model_gives_the_same_numbers(tmp_path):
    spec = RunSpec(**FAST)
    alone = fold(run(spec))
    first = fold(run(spec, dense=tmp_path))
    second = fold(run(spec, dense=tmp_path))
    assert (tmp_path / spec.dense_key / "model.safetensors").exists()
    assert _numbers(alone) == _numbers(first) == _numbers(second)


def test_the_number_of_threads_around_a_run_does_not_matter():
    spec = RunSpec(**FAST)
    torch.set_num_threads(2)
    two = fold(run(spec))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert _numbers(two) == _numbers(fold(run(spec)))


def test_the_test_part_is_touched_once(monkeypatch):
    opened = []
    plain = Parts.test_once
    monkeypatch.setattr(Parts, "test_once", lambda self: opened.append(1) or plain(self))
    fold(run(RunSpec(**FAST)))
    assert opened == [1]


def test_magnitude_beats_random_on_digits():
    def mean(method):
        specs = [RunSpec(method=method, sparsity=0.95, seed=s) for s in range(3)]
        return statistics.fmean(fold(run(spec)).recovered["accuracy"] for spec in specs)

    assert mean("magnitude") > mean("random") + 0.2


def test_files_of_a_run_need_no_pickle(tmp_path):
    spec = RunSpec(method="l1-filter", sparsity=0.5, **FAST)
    result = fold(run(spec, files=tmp_path))
    names = {f.name for f in tmp_path.iterdir()}
    assert names == {
        "model.safetensors",
        "dense.safetensors",
        "masks.safetensors",
        "architecture.json",
        "run.json",
        "answers.npz",
    }
    small = artefacts.load_model(tmp_path)
    assert sum(p.numel() for p in small.parameters()) == result.recovered["params"] < 50610
    dense = artefacts.load_model(tmp_path, "dense")
    assert sum(p.numel() for p in dense.parameters()) == 50610


def test_a_model_that_holds_strange_types_is_refused(tmp_path):
    import skops.io

    skops.io.dump({"evil": Path("x")}, tmp_path / "model.skops")
    with pytest.raises(ValueError, match=r"holds pathlib.*Path .*which is not trusted"):
        artefacts.load_model(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "magnitud"}, "Did you mean 'magnitude'"),
        ({"model": "lenet"}, "no model 'lenet'"),
        ({"data": "nope"}, "no data set 'nope'"),
        ({"sparsity": 1.0}, "sparsity must be at least 0 and below 1"),
        ({"sparsity": float("nan")}, "sparsity must be"),
        ({"method": "cost-complexity"}, "cost-complexity needs a tree"),
        ({"model": "lenet-5", "data": "wine"}, "lenet-5 needs images; wine has none"),
        ({"recover": "pray"}, "recover must be one of"),
        ({"scope": "globl"}, "Did you mean 'global'"),
        ({"knobs": {"rounds": 3}}, "no knob of the method magnitude 'rounds'"),
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"seed": 2**70}, "seed must be a whole number"),
        ({"lr": -1.0}, "lr must be above 0"),
        ({"optimizer": "lion"}, "no optimizer 'lion'"),
        ({"layers": {"fc9": 0.5}}, "no layer 'fc9'"),
        ({"layers": {"fc1": 1.5}}, "fc1 must be at least 0 and below 1"),
    ],
)
def test_a_spec_that_cannot_run_fails_with_the_reason(changes, reason):
    events = list(run(RunSpec(**FAST | changes)))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Failed)
    assert reason in events[-1].reason
    assert events[-1].advice


def test_an_exploding_loss_says_what_to_do():
    last = list(run(RunSpec(lr=10.0, seed=5)))[-1]
    assert isinstance(last, Failed)
    assert "loss became" in last.reason
    assert "learning rate" in last.advice


def test_a_method_that_raises_is_a_failed_run(monkeypatch):
    monkeypatch.setattr("prunelab.job.score", lambda *_: 1 / 0)
    last = list(run(RunSpec(**FAST)))[-1]
    assert isinstance(last, Failed)
    assert last.reason == "ZeroDivisionError: division by zero"
    assert "1 / 0" in last.traceback


def test_removing_something_else_than_asked_is_a_failed_run(monkeypatch):
    monkeypatch.setattr("prunelab.experiment.removed", lambda *_: 7)
    last = list(run(RunSpec(**FAST)))[-1]
    assert isinstance(last, Failed)
    assert "7 of 50200 units should have gone, but 45180 did" in last.reason


def test_a_full_disk_is_a_failed_run(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prunelab.artefacts.save_file", full)
    last = list(run(RunSpec(**FAST), files=tmp_path / "files"))[-1]
    assert isinstance(last, Failed)
    assert "No space left" in last.reason
    assert "Free some disk space" in last.advice


def test_ctrl_c_is_cancelled(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("prunelab.run_network.fit", interrupt)
    events = []
    with pytest.raises(KeyboardInterrupt):
        events.extend(iter_into(run(RunSpec(**FAST)), events))
    assert isinstance(events[-1], Cancelled)


def test_prune_your_own_network_leaves_it_alone():
    net = own_net()
    before = copy.deepcopy(net.state_dict())
    pruned = pl.prune(net, "magnitude", 0.75)
    zeros = sum(int((m.weight == 0).sum()) for m in pruned if isinstance(m, nn.Linear))
    assert zeros == 192
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())
    copy.deepcopy(pruned)


def test_prune_your_own_network_to_a_smaller_one():
    small = pl.prune(own_net(), "l1-filter", 0.5, torch.randn(2, 12))
    assert small[0].out_features == small[2].in_features == 8


def test_prune_your_own_tree():
    x, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(x, y)
    pruned = pl.prune(tree, "cost-complexity", 0.5)
    assert pruned.get_n_leaves() < tree.get_n_leaves()
    assert pruned.predict(x).shape == y.shape


def test_of_a_pipeline_the_last_step_is_pruned():
    x, y = load_iris(return_X_y=True)
    grown = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)).fit(x, y)
    before = grown.predict(x)
    pruned = pl.prune(grown, "cost-complexity", 0.5)
    alone = pl.prune(grown[-1], "cost-complexity", 0.5)
    assert (pruned.predict(x) == alone.predict(grown[:-1].transform(x))).all()
    assert pruned[-1].get_n_leaves() < grown[-1].get_n_leaves()
    assert (grown.predict(x) == before).all()
    with pytest.raises(SpecError, match="got LogisticRegression"):
        pl.prune(make_pipeline(StandardScaler(), LogisticRegression()), "magnitude", 0.5)


@pytest.mark.parametrize(
    ("model", "method", "message"),
    [
        (own_net(), "gradual-magnitude", "prunes while it trains"),
        (own_net(), "cost-complexity", "does not prune a network"),
        (LogisticRegression(), "magnitude", "needs a torch module or a fitted scikit-learn tree"),
        (DecisionTreeClassifier(), "cost-complexity", "fitted scikit-learn tree"),
        (own_net(), "magnitudo", "Did you mean 'magnitude'"),
    ],
)
def test_prune_refuses_what_it_cannot(model, method, message):
    with pytest.raises(SpecError, match=message):
        pl.prune(model, method, 0.5)


def test_prune_needs_a_sparsity_below_one():
    with pytest.raises(ValueError, match="below 1"):
        pl.prune(own_net(), "magnitude", 1.0)
