"""The laws over the registry: every method on every small model it fits, and every file a card."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import pytest
import torch

from prunelab import checks, registry
from prunelab.catalogue import describe
from prunelab.experiment import one_thread
from prunelab.probes import weights

KNOWN = describe()
CASES = [(method, model) for method in registry.METHODS for model in checks.subjects(method)]


@pytest.mark.parametrize("law", checks.LAWS)
@pytest.mark.parametrize(("method", "model"), CASES)
def test_law(method, model, law):
    with one_thread():
        checks.LAWS[law](checks.case(method, model))


def test_every_method_has_a_subject():
    assert {method for method, _ in CASES} == set(registry.METHODS)


def test_no_file_is_broken():
    assert not any(KNOWN["broken"].values()), KNOWN["broken"]


@pytest.mark.parametrize("shelf", ["methods", "models", "datasets"])
def test_every_card_says_what_it_is(shelf):
    for name, card in KNOWN[shelf].items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert card["summary"].endswith("."), name
        for knob in card["knobs"]:
            assert knob["help"] or knob["choices"] or knob["kind"] == "bool", (name, knob["name"])
            if knob["kind"] in ("int", "float"):
                assert knob["low"] <= knob["default"] <= knob["high"], (name, knob["name"])


def test_every_method_names_its_source_and_a_baseline_that_fits():
    for name, card in KNOWN["methods"].items():
        baseline = KNOWN["methods"][card["baseline"]]
        assert set(card["units"]) & set(baseline["units"]), name
        assert card["paper"] or card["baseline"] == name, name


def test_laws_catch_a_method_that_breaks_them():
    """A method that peeks, forgets and counts wrong must not pass."""
    case = checks.case("magnitude", "lenet-300-100")

    def meddling(net, data):
        for parameter in net.parameters():
            parameter.data.mul_(0.5)
        return {n: w.detach().abs() for n, w in weights(net).items()}

    entry = registry.METHODS["magnitude"]
    bad = replace(case.job, method=replace(entry, function=meddling))
    with pytest.raises(checks.Broken, match="scoring changed the model"):
        checks.scoring_leaves_no_trace(checks.Case(bad, copy.deepcopy(case.model)))


def test_laws_catch_a_method_that_draws_anew_each_time(monkeypatch):
    chance = torch.Generator().manual_seed(0)

    def drawing(net, data):
        return {n: torch.rand(w.shape, generator=chance) for n, w in weights(net).items()}

    entry = replace(registry.METHODS["magnitude"], function=drawing)
    monkeypatch.setitem(registry.METHODS._entries, "magnitude", entry)
    case = checks.case.__wrapped__("magnitude", "lenet-300-100")
    with pytest.raises(checks.Broken, match="became"):
        checks.a_run_repeats(case)
