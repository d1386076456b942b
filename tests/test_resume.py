"""A run that was stopped anywhere ends as one that never was, bit for bit."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from resuming import SHORT, SPECS, stopped, the_same
from torch import nn

from prunelab import position
from prunelab.course import Memory
from prunelab.events import Epoch, Finished
from prunelab.experiment import run
from prunelab.registry import MODELS
from prunelab.spec import RunSpec

LEARNING = ("movement", "soft-movement", "rigl", "sr-ste", "l0", "variational-dropout")


@pytest.mark.parametrize("name", SPECS)
def test_a_run_stopped_after_every_epoch_trains_none_twice(name, eager, trained, tmp_path):
    """Stopped again and again: one epoch further each time, and the same end."""
    whole = list(run(SPECS[name], files=tmp_path / "whole"))
    assert isinstance(whole[-1], Finished), whole[-1]
    epochs = list(trained)
    trained.clear()
    ends = [i + 1 for i, event in enumerate(whole) if isinstance(event, Epoch)]
    for end in ends:
        told = stopped(SPECS[name], tmp_path / "parts", end)
        assert [type(e) for e in told] == [type(e) for e in whole[:end]]
    again = list(run(SPECS[name], files=tmp_path / "parts"))
    the_same(whole, again, (tmp_path / "whole", tmp_path / "parts"))
    twice = [epoch for epoch in trained if not epoch[0].startswith("score")]
    assert twice == [epoch for epoch in epochs if not epoch[0].startswith("score")]  # not kept
    assert len(epochs) > len(ends) - 1


@pytest.mark.parametrize(("name", "step"), [("finetune", 4), ("rounds", 6), ("movement", 9)])
def test_a_run_may_stop_anywhere(name, step, eager, tmp_path):
    whole = list(run(SPECS[name], files=tmp_path / "whole"))
    for after in range(1, len(whole), step):
        told = stopped(SPECS[name], tmp_path / str(after), after)
        assert len(told) == after
        again = list(run(SPECS[name], files=tmp_path / str(after)))
        the_same(whole, again, (tmp_path / "whole", tmp_path / str(after)))


def test_learning_methods_are_among_those_tried():
    assert set(LEARNING) <= set(SPECS)


def test_random_numbers_of_the_process_go_on(eager, monkeypatch, tmp_path):
    """Dropout draws from torch's global state."""

    def build(shape, classes):
        return nn.Sequential(
            nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, classes)
        )

    monkeypatch.setitem(MODELS._entries, "mlp", replace(MODELS["mlp"], function=build))
    spec = RunSpec(model="mlp", **SHORT)
    whole = list(run(spec, files=tmp_path / "whole"))
    for after in (4, 13):
        stopped(spec, tmp_path / "parts", after)
        torch.manual_seed(after)
    again = list(run(spec, files=tmp_path / "parts"))
    the_same(whole, again, (tmp_path / "whole", tmp_path / "parts"))


def test_all_global_random_numbers_are_kept():
    held = position.randomness()
    drawn = [random.random(), np.random.rand(), torch.rand(()).item()]  # noqa: NPY002
    position.set_randomness(held)
    assert [random.random(), np.random.rand(), torch.rand(()).item()] == drawn  # noqa: NPY002


def test_memory_is_taken_back_in_place():
    memory = Memory()
    mine = memory.parameters("gate", {"fc": torch.zeros(2)}, lr=0.1)["fc"]
    memory.load({"gate/fc": torch.ones(2), "late/fc": torch.ones(1)})
    assert mine.tolist() == [1, 1]
    assert mine.requires_grad
    assert memory.kept["late"]["fc"].tolist() == [1]
