"""The controls of a run: each changes one thing and can run."""

from __future__ import annotations

import pytest

from prunelab.controls import controls
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.spec import RunSpec


@pytest.mark.parametrize("method", ["magnitude", "snip", "l1-filter", "rigl", "l0"])
def test_every_control_of_a_run_finishes_and_shares_its_dense_network(method, tmp_path):
    spec = RunSpec(method=method, sparsity=0.5, epochs=1)
    for name, control in controls(spec).items():
        assert control.dense_key == spec.dense_key
        result = fold(run(control, dense=tmp_path))
        assert result.status == "finished", (name, result.reason)
        asked = 0.0 if name.startswith("dense") else 0.5
        assert result.sparsity["achieved"] == pytest.approx(asked, abs=0.01)


def test_dense_trained_as_long_removes_nothing_and_trains_on():
    spec = RunSpec(method="iterative-magnitude", epochs=2, recover_epochs=2)
    longer = fold(run(controls(spec)["dense, trained as long"]))
    pruned = fold(run(spec))
    assert len(longer.epochs) == len(pruned.epochs)
    assert longer.recovered["nonzero"] == longer.dense["nonzero"]
