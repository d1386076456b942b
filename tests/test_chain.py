"""Chains of layers in a stack: answers and gradients are those of autograd, network by network."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

from prunelab import chain, windows

RELU = nn.ReLU()
NETWORKS = {
    "flat": (nn.Sequential(nn.Flatten(), nn.Linear(36, 5), nn.Tanh(), nn.Linear(5, 3)), (1, 6, 6)),
    "wide": (nn.Sequential(nn.Linear(6, 20), nn.GELU(), nn.Linear(20, 3)), (6,)),
    "activation first": (
        nn.Sequential(nn.ReLU(), nn.Linear(6, 5), nn.Sigmoid(), nn.Tanh(), nn.Linear(5, 3)),
        (6,),
    ),
    "activation last": (
        nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Sigmoid(), nn.Linear(5, 3), nn.Tanh()),
        (6,),
    ),
    "one activation twice": (
        nn.Sequential(nn.Linear(6, 5), RELU, nn.Linear(5, 5), RELU, nn.Linear(5, 3)),
        (6,),
    ),
    "convolutions": (
        nn.Sequential(
            nn.Conv2d(1, 4, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(24, 20),
            nn.ReLU(),
            nn.Linear(20, 3),
        ),
        (1, 8, 8),
    ),
    "steps, holes and oblongs": (
        nn.Sequential(
            nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding=(0, 1)),
            nn.Tanh(),
            nn.Conv2d(3, 4, 2, dilation=(2, 1), padding=1),
            nn.GELU(),
            nn.MaxPool2d((3, 2), stride=1, padding=(1, 0)),
            nn.Flatten(),
            nn.Linear(96, 3),
        ),
        (2, 8, 7),
    ),
    "pooled first": (
        nn.Sequential(
            nn.MaxPool2d(3, 2, ceil_mode=True), nn.Flatten(), nn.Linear(16, 5), nn.Linear(5, 3)
        ),
        (1, 8, 8),
    ),
    "only convolutions": (
        nn.Sequential(nn.Conv2d(1, 4, 4, stride=2), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.Flatten()),
        (1, 8, 8),
    ),
}


@pytest.fixture(params=[1, windows.FIT], ids=["little room", "room"])
def _room(request, monkeypatch):
    monkeypatch.setattr(windows, "FIT", request.param)


@pytest.mark.usefixtures("_room")
@pytest.mark.parametrize("examples", [1, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_answers_and_gradients_are_those_of_autograd_step_after_step(name, examples):
    net, shape = NETWORKS[name]
    assert chain.fits(net)
    net, randn = net.double(), functools.partial(torch.randn, dtype=torch.float64)
    stack = {n: nn.Parameter(randn(4, *p.shape)) for n, p in net.named_parameters()}
    links = chain.Chain(net, stack)
    for some in (examples, examples + 2, examples):  # each writes over the one before
        x, slope = randn(4, some, *shape), randn(4, some, 3)
        given = x.clone()
        said = links.answers(x)
        answers = said.clone()
        links.backward(slope.clone())
        assert torch.equal(x, given)
        for row in range(4):
            alone = {n: p[row].detach().requires_grad_() for n, p in stack.items()}
            expected = torch.func.functional_call(net, alone, (x[row],))
            torch.testing.assert_close(answers[row], expected)
            expected.backward(slope[row])
            for n, values in alone.items():
                torch.testing.assert_close(stack[n].grad[row], values.grad)


def test_equal_numbers_in_a_window_share_nothing():
    """The slope goes to the first of the largest, as in torch, also where all are zero."""
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    )
    nn.init.constant_(net[0].weight, 0.0)
    x = torch.zeros(5, 1, 6, 6)
    stack = {n: nn.Parameter(p.detach()[None].clone()) for n, p in net.named_parameters()}
    links, slope = chain.Chain(net, stack), torch.randn(5, 3)
    links.answers(x[None])
    links.backward(slope[None].clone())
    net(x).backward(slope)
    for name, own in net.named_parameters():
        torch.testing.assert_close(stack[name].grad[0], own.grad)


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(36, 3, bias=False)),
        nn.Sequential(nn.Flatten(0), nn.Linear(36, 3)),
        nn.Sequential(nn.Linear(36, 5), nn.Dropout(), nn.Linear(5, 3)),
        nn.Sequential(nn.Linear(36, 3)).requires_grad_(False),
        nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Flatten()),
        nn.Sequential(nn.Conv2d(2, 2, 3, padding="same"), nn.Flatten()),
        nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), nn.Flatten()),
        nn.Sequential(nn.Conv2d(2, 2, 3, bias=False), nn.Flatten()),
        nn.Sequential(nn.Conv2d(2, 2, 3), nn.MaxPool2d(2, return_indices=True), nn.Flatten()),
        nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Flatten()),
        nn.Linear(36, 3),
    ],
)
def test_chains_are_of_layers_known_here_that_all_learn(net):
    assert not chain.fits(net)
