"""Examples pruned before the network is: the same rows, the same network, told and kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from prunelab import artefacts, beforehand
from prunelab.catalogue import describe, validate
from prunelab.cover import Cover
from prunelab.events import Epoch, Warned, fold
from prunelab.experiment import run
from prunelab.figures.means import points
from prunelab.job import prepare
from prunelab.lab import Lab
from prunelab.spec import RunSpec, SpecError, sweep

FEWER = RunSpec(
    model="mlp", epochs=3, recover_epochs=1, examples_method="aum", examples_sparsity=0.7,
    examples_knobs={"runs": 1},
)  # fmt: skip
ALONE = RunSpec(method="aum", model="mlp", epochs=3, sparsity=0.7, knobs={"runs": 1})


def test_the_examples_are_those_the_method_keeps_alone(tmp_path):
    """And the dense network is the one that a run on examples trains for as many steps."""
    both = fold(run(FEWER, files=tmp_path / "both", dense=tmp_path / "dense"))
    assert both.status == "finished", both.reason
    kept = artefacts.load_dense(tmp_path / "dense", FEWER.dense_key)
    alone = fold(run(ALONE, files=tmp_path / "alone"))
    with np.load(tmp_path / "alone" / artefacts.EXAMPLES) as chosen:
        assert kept.rows.tolist() == np.flatnonzero(chosen["kept"]).tolist()
    assert both.settings["examples"] == {"kept": 323, "of": 1077}
    first = [e.validation_loss for e in both.epochs if e.phase == "dense"]
    second = [e.validation_loss for e in alone.epochs if e.phase == "repeated"]
    assert first[0] != second[0]  # another phase draws another order
    assert both.dense["accuracy"] == pytest.approx(alone.recovered["accuracy"], abs=0.05)
    assert sum(both.plan.values()) == len(both.epochs)


def test_runs_that_share_the_dense_network_share_the_choice(tmp_path):
    first = list(run(FEWER, dense=tmp_path))
    again = list(run(FEWER, dense=tmp_path))
    told, known = (
        [e for e in events if isinstance(e, Epoch | Warned)] for events in (first, again)
    )
    assert told == known
    apart = list(run(FEWER))
    assert [e for e in apart if isinstance(e, Epoch | Warned)] == told
    assert FEWER.dense_key == replace(FEWER, sparsity=0.5, method="random").dense_key
    assert FEWER.dense_key != replace(FEWER, examples_sparsity=0.5).dense_key


@pytest.mark.parametrize(
    ("method", "phases"),
    [("k-center", {"all examples": 3}), ("random-examples", {}), ("el2n", {"score 1": 1})],
)
def test_only_what_choosing_needs_is_trained(method, phases):
    knobs = {"runs": 1} if method == "el2n" else {}
    job = prepare(replace(FEWER, examples_method=method, examples_knobs=knobs))
    assert beforehand.plan(job) == phases
    lab = Lab(net=job.build(), first={}, mask={}, cover=Cover({}))
    events = list(beforehand.chosen(job, lab))
    assert len([e for e in events if isinstance(e, Epoch)]) == sum(phases.values())
    assert len(lab.rows) == 323
    fewer = beforehand.on_fewer(job, lab).parts
    assert len(fewer.train.y) == len(job.parts.train.y)
    assert set(fewer.rows) == set(job.parts.rows[lab.rows])
    assert fewer.validation is job.parts.validation


def test_a_class_that_vanishes_is_told():
    spec = replace(FEWER, examples_knobs={"runs": 1, "keep": "easiest"}, examples_sparsity=0.97)
    told = [e.message for e in run(spec) if isinstance(e, Warned)]
    assert any("is left, so it cannot be learned" in message for message in told)


def test_without_a_sparsity_it_is_the_plain_run():
    plain = replace(FEWER, examples_sparsity=0.0)
    assert plain.key == RunSpec(model="mlp", epochs=3, recover_epochs=1).key
    assert beforehand.plan(prepare(plain)) == {}
    assert len(sweep(FEWER, examples_sparsity=[0, 0.5], examples_method=["aum", "el2n"])) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"examples_method": "magnitude"}, "must remove examples; magnitude removes other"),
        ({"examples_method": "nobody"}, "no method"),
        ({"examples_method": ""}, "no method"),
        ({"method": "el2n"}, "el2n removes examples itself; leave examples_method out"),
        ({"model": "decision-tree", "method": "cost-complexity"}, "needs a network that is"),
        ({"examples_sparsity": 1.0}, "examples_sparsity must be at least 0 and below 1"),
        ({"examples_knobs": {"nobody": 1}}, "knob of the method aum"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        validate(replace(FEWER, **changes), describe())


def test_runs_on_other_examples_are_other_lines():
    results = [
        fold([]),
        *(
            replace(
                fold([]), key=s.key, spec=s.to_json(), recovered={"accuracy": 0.9},
                sparsity={"achieved": 0.9, "asked": 0.9},
            )
            for s in (FEWER, replace(FEWER, examples_sparsity=0.5))
        ),
    ]  # fmt: skip
    assert {p.series for p in points(results)} == {
        "magnitude · examples sparsity 0.7", "magnitude · examples sparsity 0.5",
    }  # fmt: skip


def test_the_command_line_knows_both(home, capsys):
    from prunelab.__main__ import main

    flags = ["--model", "mlp", "--epochs", "1", "--recover", "none", "--quiet", "--json"]
    more = ["--examples-method", "el2n", "--examples-sparsity", "0.5", "--knob", "runs=1"]
    assert main(["run", *flags, *more]) == 0
    told = capsys.readouterr().out
    assert '"examples_knobs": {"runs": 1}' in told
    assert torch.get_num_threads() >= 1
