"""The resurrection microscope: its steps are those of PyTorch, its guards do what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from paging import show, store  # noqa: F401 - a fixture
from torch.nn.functional import cross_entropy

from prunelab import figures, microscope
from prunelab.microscope import DECAY, LR, MOMENTUM, Guards

EVERY = [Guards(*on) for on in itertools.product((False, True), repeat=4)]


def after(guards, steps=6):
    seen = microscope.begin()
    for _ in range(steps):
        seen = microscope.step(seen, guards)
    return seen


def test_three_quarters_go():
    seen = microscope.begin()
    assert (~seen.mask).sum() == 144 == (seen.weight == 0).sum()
    assert np.abs(seen.weight[seen.mask]).min() > 0
    assert np.abs(seen.buffer[~seen.mask]).min() > 0  # the past that moves them


@pytest.mark.parametrize("guards", EVERY, ids=str)
def test_a_step_is_that_of_torch(guards):
    seen = microscope.begin()
    weight = torch.nn.Parameter(torch.tensor(seen.weight))
    mask = torch.tensor(seen.mask).double()
    optimiser = torch.optim.SGD(
        [weight], LR, momentum=MOMENTUM, weight_decay=DECAY if guards.decay else 0
    )
    optimiser.state[weight]["momentum_buffer"] = torch.tensor(seen.buffer)
    x, y = (torch.tensor(part) for part in microscope.examples())
    for _ in range(4):
        optimiser.zero_grad()
        cross_entropy(x @ weight.T, y).backward()
        if guards.gradients:
            weight.grad *= mask
        if guards.momentum:  # what is left of it: the gradient of this step is masked or not
            optimiser.state[weight]["momentum_buffer"] *= mask
        if guards.momentum and not guards.gradients:
            weight.grad *= mask
        optimiser.step()
        with torch.no_grad():
            if guards.weights:
                weight *= mask
        seen = microscope.step(seen, guards)
        assert np.allclose(seen.weight, weight.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("guards", EVERY, ids=str)
def test_which_guards_keep_zeros(guards):
    seen = after(guards)
    holds = guards.weights or guards.momentum
    assert (seen.zeros[-1] == 1) == holds
    if not holds:
        assert seen.zeros[-1] == 0
    assert len(seen.zeros) == seen.steps + 1 == 7


def test_the_verdict_names_what_woke_them():
    assert "just set to zero" in microscope.verdict(microscope.begin(), Guards())
    assert microscope.verdict(after(Guards()), Guards()).startswith("Old momentum woke 100%")
    bare = Guards(gradients=False)
    assert microscope.verdict(after(bare), bare) == "Gradients woke 100% of the zeros"
    whole = Guards(momentum=True)
    assert microscope.verdict(after(whole), whole) == "Every zero is still zero"
    late = microscope.step(after(Guards()), Guards(weights=True))
    assert microscope.verdict(late, Guards(weights=True)) == "Every zero is still zero"


def test_the_pictures_count_what_woke():
    seen = after(Guards())
    found = figures.slide(seen)
    assert found.title == "144 of 144 pruned weights are no longer zero"
    assert len(found.figure.data[1].x) == 144
    assert figures.strip(seen).table["zeros left"].tolist() == list(seen.zeros)


def test_the_page_takes_steps_and_begins_anew(store):  # noqa: F811
    app = show("resurrection")
    app.button(key="steps-1").click().run()
    assert app.title[0].value.startswith("Old momentum woke")
    app.toggle(key="weights").set_value(True)
    app.button(key="steps-10").click().run()
    assert app.title[0].value == "Every zero is still zero"
    (again,) = (b for b in app.button if b.label == "Cut anew")
    again.click().run()
    assert not app.exception
    assert "just set to zero" in app.title[0].value
