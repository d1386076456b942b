"""The published figures of Han et al. 2015, as the script for README.md finds them (slow)."""

from __future__ import annotations

import statistics

import pytest

from prunelab.events import fold
from prunelab.experiment import run
from prunelab.spec import RunSpec


def test_mnist_is_read_from_the_named_folder(data_folder):
    spec = RunSpec(data="mnist", epochs=1, recover="none", sparsity=0.5, batch_size=500)
    result = fold(run(spec))
    assert result.status == "finished", result.reason
    assert result.sparsity["of"] == 266200
    assert result.settings["parts"] == {"train": 54000, "validation": 6000}
    assert result.dense["accuracy"] > 0.9


@pytest.mark.slow
def test_rounds_of_pruning_reach_the_published_error(data_folder):
    from reproduce_han import reproduce, words

    found = reproduce(seeds=3)
    dense, rounds, retrained, not_retrained = map(statistics.fmean, found)
    assert dense <= 1.9
    assert rounds <= dense + 0.15
    assert not_retrained - retrained >= 5.0
    assert "1.59" in words(found)
