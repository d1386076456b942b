"""Budgets of parameters, multiply-adds, bytes and time, and widths that are multiples."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from prunelab.budgets import meet
from prunelab.catalogue import describe, validate
from prunelab.events import Failed, fold
from prunelab.experiment import run
from prunelab.measure import latency as clock
from prunelab.spec import RunSpec, SpecError

KNOWN = describe()
SPEC = RunSpec(
    model="resnet-narrow", method="l1-filter", sparsity=0.4, epochs=1, recover="none",
    model_knobs={"width": 4},
)  # fmt: skip


@pytest.mark.parametrize("budget", ["params", "macs", "bytes"])
def test_as_few_units_go_as_the_budget_allows(budget):
    result = fold(run(replace(SPEC, budget=budget)))
    dense, small = result.dense, result.recovered
    cost = {
        "params": (dense["params"], small["params"]),
        "macs": (dense["macs"]["shipped"], small["macs"]["shipped"]),
        "bytes": (dense["bytes"]["shrunk"], small["bytes"]["shrunk"]),
    }[budget]
    assert cost[1] <= 0.6 * cost[0] + (2000 if budget == "bytes" else 0)  # names are bytes too
    assert cost[1] > 0.5 * cost[0]
    gone = round(result.sparsity["achieved"] * result.sparsity["of"])
    fewer = fold(run(replace(SPEC, sparsity=(gone - 1) / result.sparsity["of"]))).recovered
    if budget != "bytes":
        now = {"params": fewer["params"], "macs": fewer["macs"]["shipped"]}[budget]
        assert now > 0.6 * cost[0]
    (note,) = result.warnings
    assert f"{gone} of {result.sparsity['of']} filters go: " in note


def test_a_budget_of_time_is_timed_in_turn(monkeypatch):
    """On a clock that goes by the units a network has: the machine's goes by its other work."""
    calls = []

    class Timed(nn.Linear):
        def forward(self, x):
            calls.append(self.out_features)
            return super().forward(x)

    def shrink(mask):
        return Timed(16, int(mask["a"].sum()))

    def choose(share):
        return {"a": torch.arange(512) >= round(share * 512)}

    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: 1e-5 * sum(calls)))
    met = meet("latency", 0.5, 512, choose, shrink, torch.randn(64, 16))
    assert met.after == pytest.approx(0.5)
    assert int(met.mask["a"].sum()) == 256
    assert calls.count(512) == len(calls) / 2  # each against the dense one


def test_a_budget_that_cannot_be_met_is_a_sentence_and_nothing_is_half_done():
    events = list(run(replace(SPEC, sparsity=0.999, budget="params")))
    assert isinstance(events[-1], Failed)
    assert "The budget cannot be met: at most" in events[-1].reason
    assert events[-1].advice == "Change the setting it names."


def test_not_even_one_unit_is_enough():
    with pytest.raises(
        SpecError, match=r"at most 50.0% of the parameters can go, 75.0% were asked"
    ):
        meet(
            "params",
            0.75,
            2,
            lambda share: {"a": torch.arange(2) >= round(share * 2)},
            lambda mask: nn.Linear(4, int(mask["a"].sum()), bias=False),
            torch.randn(2, 4),
        )


@pytest.mark.parametrize("multiple", [3, 8])
def test_widths_are_multiples(multiple):
    result = fold(run(replace(SPEC, round_to=multiple, model_knobs={"width": 8})))
    rows = result.masks[-1].layers
    assert all(r["kept"] % multiple == 0 or r["kept"] == r["units"] for r in rows)
    assert any(r["kept"] < r["units"] for r in rows)
    assert 0 < result.sparsity["achieved"] <= SPEC.sparsity
    assert result.sparsity["asked"] == pytest.approx(result.sparsity["achieved"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": "macs", "method": "magnitude"}, "whole units of a trained network at once"),
        ({"round_to": 8, "method": "slimming"}, "at once; slimming does not"),
        ({"budget": "flops"}, "There is no budget 'flops'"),
        ({"budget": "macs", "layers": {"conv1": 0.5}}, "either a budget or the sparsity of each"),
        ({"round_to": 0}, "round_to must be a whole number from 1 to 1024, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        validate(replace(SPEC, **changes), KNOWN)
