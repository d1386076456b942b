"""What a network costs: real files, counted memory, times that never claim what is not there."""

from __future__ import annotations

import math
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from example_run import result
from safetensors.torch import load
from scipy import stats
from scipy.sparse import csr_array
from torch import nn

import prunelab as pl
from prunelab import figures
from prunelab.cover import Cover
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.figures.card import NONE
from prunelab.job import prepare
from prunelab.lab import Lab, state
from prunelab.masks import select
from prunelab.measure import latency as clock
from prunelab.measure.costs import batches, timed
from prunelab.measure.memory import memory
from prunelab.measure.size import csr, size
from prunelab.recover import _recipe, scale_as_small
from prunelab.registry import MODELS
from prunelab.spec import RunSpec


@pytest.fixture(autouse=True)
def _timed_once():
    """Here the clock itself is tried, with all its rounds."""


def pruned_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))
    with torch.no_grad():
        for layer in (net[0], net[3]):
            layer.weight[torch.rand_like(layer.weight) < 0.9] = 0
    return net


def test_sparse_rows_are_a_file_that_gives_the_network_back():
    net = pruned_net()
    stored = csr(net)
    assert size(net, net)["csr"] == len(stored) < size(net, net)["raw"]
    tensors = load(stored)
    for name, weight in (("0.weight", net[0].weight), ("3.weight", net[3].weight)):
        values, columns, starts = (
            tensors.pop(f"{name}.{part}").numpy() for part in ("values", "columns", "starts")
        )
        shape = (len(weight), weight[0].numel())
        whole = csr_array((values, columns, starts), shape=shape).toarray()
        assert torch.equal(torch.from_numpy(whole), weight.detach().flatten(1))
    assert set(tensors) == {n for n in net.state_dict() if n not in ("0.weight", "3.weight")}


def test_memory_is_weights_input_and_the_outputs_alive_together():
    net = nn.Sequential(nn.Linear(100, 200, bias=False), nn.ReLU(), nn.Linear(200, 10, bias=False))
    x = torch.randn(64, 100)
    weights, given, hidden = 4 * (100 * 200 + 200 * 10), 4 * 64 * 100, 4 * 64 * 200
    assert memory(net, x) == weights + given + 2 * hidden  # before and after the ReLU
    assert memory(nn.Sequential(nn.Flatten()), x) == given  # a view takes nothing
    assert net.training


def test_a_batch_repeats_the_examples_there_are():
    x = torch.arange(6.0).reshape(3, 2)
    assert batches(x, 7)[:, 0].tolist() == [0, 2, 4, 0, 2, 4, 0]


class Machine:
    """A clock that calls move on: noise with a long tail, bursts of other work, slow drift."""

    def __init__(self, seed):
        self.now, self.calls, self.random = 0.0, 0, np.random.default_rng(seed)

    def perf_counter(self):
        return self.now

    def call(self):
        self.calls += 1
        burst = 3 if self.calls // 9 % 7 == 6 else 1
        self.now += 1e-3 * burst * (1 + self.calls / 500) * self.random.lognormal(0, 0.2)


def told(monkeypatch, seed, factor=1):
    """What is said of two networks of which one takes so many calls of the other."""
    machine = Machine(seed)
    monkeypatch.setattr(clock, "time", machine)
    found = clock.latency(
        {"dense": machine.call, "recovered": lambda: [machine.call() for _ in range(factor)]}
    )
    dense, recovered = ({"latency_ms": found[name]} for name in ("dense", "recovered"))
    return figures.speed(replace(result(), dense=dense, recovered=recovered)).lamp


def test_a_network_against_itself_is_no_difference_in_95_of_100_trials(monkeypatch):
    assert sum(told(monkeypatch, seed) == "grey" for seed in range(100)) >= 95


def test_a_network_that_takes_twice_as_long_is_found_in_95_of_100_trials(monkeypatch):
    assert sum(told(monkeypatch, seed, factor=2) == "amber" for seed in range(100)) >= 95


def test_a_network_is_timed_with_the_batch_and_the_threads_named():
    net = MODELS["lenet-300-100"].function((1, 8, 8), 10).eval()
    found = timed({"dense": net, "recovered": net}, torch.randn(32, 1, 8, 8))
    assert found["dense"] == found["recovered"]  # one network is timed once
    assert found["dense"]["batch"] == 32
    assert found["dense"]["threads"] == torch.get_num_threads()
    assert 0 < found["dense"]["low"] <= found["dense"]["median"] <= found["dense"]["high"]


@pytest.mark.parametrize("runs", range(clock.LEAST, clock.RUNS + 1))
def test_the_interval_of_a_median_is_that_of_scipy_or_wider(runs):
    values = np.random.default_rng(runs).lognormal(0, 0.3, runs)
    found = clock._interval(list(values))
    asked = stats.quantile_test(values, q=np.median(values), p=0.5).confidence_interval(0.95)
    assert found["low"] <= asked.low
    assert found["high"] >= asked.high
    assert found["median"] == np.median(values)
    ranks = np.searchsorted(np.sort(values), (found["low"], found["high"]))
    held = stats.binom(runs, 0.5).cdf(ranks[1]) - stats.binom(runs, 0.5).cdf(ranks[0])
    assert held >= 0.95


def test_bytes_are_those_of_the_files_a_run_leaves(home):
    net = pl.run(model="lenet-5", method="l1-filter", sparsity=0.5, epochs=1, progress=False)
    told, files = net.result, net.folder
    assert told.recovered["bytes"]["shrunk"] == (files / "model.safetensors").stat().st_size
    assert told.dense["bytes"]["raw"] == (files / "dense.safetensors").stat().st_size
    weights = pl.run(epochs=1, progress=False)
    whole = (weights.folder / "model.safetensors").read_bytes()
    assert weights.result.recovered["bytes"]["raw"] == len(whole)
    assert weights.result.recovered["bytes"]["zip"] == len(zlib.compress(whole, 6))
    tree = pl.run(model="decision-tree", method="cost-complexity", progress=False)
    with zipfile.ZipFile(tree.folder / "model.skops") as archive:
        inside = sum(entry.file_size for entry in archive.infolist())
    # Names of objects in a skops file are addresses, of more or fewer digits each time.
    assert tree.result.recovered["bytes"]["raw"] == pytest.approx(inside, rel=0.02)


def times(low, high):
    return {"median": (low + high) / 2, "low": low, "high": high, "batch": 256, "threads": 1}


@pytest.mark.parametrize(
    ("one", "many", "lamp", "words"),
    [
        ((0.5, 0.6), (5.0, 6.0), "green", "Timed: 2.00 times as fast for one example; "),
        ((1.0, 1.2), (10.0, 12.0), "grey", "No difference in time that can be measured."),
        ((1.0, 1.2), (5.0, 6.0), "green", "Timed: no difference for one example; 2.00 times as"),
        ((2.0, 2.4), (5.0, 6.0), "amber", "Timed: 2.00 times as slow for one example; 2.00 times"),
    ],
)
def test_the_lamp_is_lit_by_what_was_timed_alone(one, many, lamp, words):
    dense = {"single_ms": times(1.0, 1.2), "latency_ms": times(10.0, 12.0)}
    after = {"single_ms": times(*one), "latency_ms": times(*many)}
    said = figures.speed(replace(result(), dense=dense, recovered=after))
    assert said.lamp == lamp
    assert said.words.startswith(words)


def test_without_a_clock_no_speed_is_claimed():
    said = figures.speed(replace(result(), dense={}, recovered={}))
    assert said == ("grey", "No speed was timed yet, so none is claimed.")
    with pytest.raises(ValueError, match="Costs are measured at the end of a run"):
        figures.card(replace(result(), dense={}))


def test_the_card_of_a_run_has_three_columns_where_filters_went():
    spec = RunSpec(model="resnet-narrow", method="l1-filter", sparsity=0.5, epochs=1)
    done = fold(run(spec))
    assert done.status == "finished", done.reason
    table = figures.card(done).set_index("cost")
    assert list(table.columns) == ["dense", "with zeros", "shrunk"]
    assert table.loc["parameters", "dense"] == table.loc["parameters", "with zeros"]
    assert done.recovered["params"] < done.pruned["params"] == done.dense["params"]
    assert done.recovered["memory"] < done.pruned["memory"]
    assert done.recovered["bytes"]["shrunk"] < done.dense["bytes"]["raw"]
    assert table.loc["multiply-adds", "shrunk"] != table.loc["multiply-adds", "with zeros"]
    assert done.dense["single_ms"]["batch"] == 1
    assert done.dense["latency_ms"]["batch"] == 256


def test_the_card_of_weights_leaves_the_shrunk_column_empty():
    table = figures.card(fold(run(RunSpec(epochs=1)))).set_index("cost")
    assert set(table["shrunk"]) == {NONE}
    assert table.loc["of them zero", "with zeros"].startswith("8")  # biases stay
    assert NONE not in set(table["with zeros"])


def small_lab(spec):
    """A lab in which half of the filters are masked."""
    job = prepare(spec)
    net = job.build()
    scores = {n: torch.rand(s) for n, s in job.unit.shapes(net, job.parts).items()}
    mask = select(scores, {n: len(s) // 2 for n, s in scores.items()})
    return job, Lab(net=net, first=state(net), mask=mask, cover=Cover({}))


def test_from_scratch_the_small_network_starts_as_its_own_architecture_would():
    job, lab = small_lab(RunSpec(data="digits", model="lenet-5", method="l1-filter"))
    scale_as_small(job, lab)
    small = job.unit.keep(lab.net, job.parts, lab.mask)
    own = MODELS["lenet-5"].function(job.parts.shape, 10)
    for name in ("conv1", "conv2", "fc1", "fc2"):
        weight = getattr(small, name).weight.detach()
        bound = 1 / math.sqrt(weight[0].numel())
        assert 0.9 * bound < float(weight.abs().max()) <= bound * 1.0001
    assert float(own.fc2.weight.detach().abs().max()) < float(small.fc2.weight.detach().abs().max())


def test_equal_multiply_adds_count_the_network_without_the_filters():
    """Half of the filters leave about a quarter of the products: the budget is the longest."""
    job, lab = small_lab(
        RunSpec(data="digits", model="lenet-5", method="l1-filter", recover="scratch-b", epochs=10)
    )
    assert _recipe(job, lab, "scratch-b").epochs == 20
    gentle, lab = small_lab(
        RunSpec(data="digits", model="lenet-5", method="l1-filter", recover="scratch-b", epochs=10)
    )
    lab.mask = {n: torch.arange(len(m)) > 0 for n, m in lab.mask.items()}  # one filter of each
    assert 10 < _recipe(gentle, lab, "scratch-b").epochs < 14
