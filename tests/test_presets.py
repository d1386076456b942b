"""Comparisons with a name: the runs they are, from Python, the terminal and the page."""

from __future__ import annotations

from collections import Counter

import pytest

import prunelab as pl
from prunelab import presets
from prunelab.__main__ import main
from prunelab.catalogue import describe, validate
from prunelab.job import prepare
from prunelab.spec import SpecError

GALE = ("random", "gradual-magnitude", "variational-dropout", "l0", "rigl")


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_can_run_and_spends_the_same_on_each_method(name):
    specs = presets.specs(name, {"data": "digits", "epochs": 7, "seed": [0], "sparsity": [0.9]})
    known = describe()
    for spec in specs:
        validate(spec, known)
    jobs = [prepare(spec) for spec in specs]
    trained = [job.train if job.method.when == "training" else job.retrain for job in jobs]
    assert {recipe.epochs for recipe in trained} == {7}
    assert {len(job.steps) for job in jobs if job.method.when == "trained"} <= {1}
    assert all(job.recover == "none" for job in jobs if job.method.when == "training")


def test_gale_has_five_methods_five_sparsities_three_seeds():
    specs = presets.specs("gale", {})
    assert len(specs) == 75 == len({spec.key for spec in specs})
    assert Counter(spec.method for spec in specs) == dict.fromkeys(GALE, 15)
    assert {spec.seed for spec in specs} == {0, 1, 2}
    assert {spec.recover for spec in specs if spec.method == "random"} == {"rewind"}


def test_fields_replace_the_axes_or_go_along():
    specs = presets.specs("gale", {"sparsity": 0.5, "seed": range(2), "lr": [0.1, 0.2]})
    assert len(specs) == 5 * 1 * 2 * 2
    assert {spec.sparsity for spec in specs} == {0.5}
    knobs = {"widths": "8"}
    assert presets.specs("gale", {"model": "mlp", "model_knobs": knobs})[0].model_knobs == knobs


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("gales", {}, "There is no preset 'gales'. Did you mean 'gale'?"),
        ("gale", {"method": "magnitude"}, "The preset gale chooses its method; leave method out."),
        ("gale", {"recover": ["none"]}, "The preset gale chooses its recover"),
        ("gale", {"seed": []}, "seed must have at least one value."),
    ],
)
def test_what_a_preset_cannot_take_is_said(name, fields, words):
    with pytest.raises(SpecError, match=words.replace("?", r"\?")):
        presets.specs(name, fields)


def test_a_notebook_runs_a_preset(home):
    sweep = pl.sweep(
        preset="gale", model="mlp", model_knobs={"widths": "8"}, sparsity=0.5, seed=0, epochs=1,
        progress=False,
    )  # fmt: skip
    assert sorted(sweep.table["method"]) == sorted(GALE)


def test_the_terminal_runs_a_preset(home, capsys):
    flags = ["--sparsity", "0.5", "--seed", "0", "--epochs", "1", "--model", "mlp", "--quiet"]
    assert main(["sweep", "--preset", "gale", *flags]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in GALE)
    assert main(["sweep", "--preset", "gale", "--method", "snip"]) == 2
    assert "leave method out" in capsys.readouterr().err
