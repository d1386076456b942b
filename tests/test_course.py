"""What methods that learn while training keep, and whom they refuse."""

from __future__ import annotations

import pytest
import torch
from labs import lab_of, train

from prunelab.course import Memory
from prunelab.registry import METHODS
from prunelab.spec import SpecError


def test_memory_comes_back_from_its_state():
    like = {"fc": torch.ones(2, 3)}
    memory = Memory()
    memory.tensors("moved", like, 2.0)["fc"] += 1
    memory.parameters("gate", like, start=lambda n, w: w * 5, lr=0.1)
    again = Memory()
    again.load(memory.state())
    assert torch.equal(again.tensors("moved", like)["fc"], torch.full((2, 3), 3.0))
    assert float(again.parameters("gate", like, lr=0.1)["fc"].detach()[0, 0]) == 5
    group = again.groups()[0]
    assert group["lr"] == 0.1
    assert group["weight_decay"] == 0.0
    assert group["params"][0].requires_grad


@pytest.mark.parametrize(
    "method",
    [
        name
        for name, entry in METHODS.items()
        if entry.when == "training" and "weights" in entry.units and name != "gradual-magnitude"
    ],
)
def test_frozen_layers_cannot_learn(method):
    job, lab = lab_of(method, sparsity=0.5)
    lab.net.fc2.weight.requires_grad_(False)
    with pytest.raises(SpecError, match="fc2 is frozen"):
        train(job, lab)
