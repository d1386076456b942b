"""L: tickets by rewinding (Frankle & Carbin 2019, arXiv:1803.03635, sections 2 to 4)."""

from __future__ import annotations

import functools
from typing import Any

from torch import nn

from benchmarks.reproductions.pictures import digits
from benchmarks.reproductions.row import Budget, Numbers, mean, per_seed, row
from benchmarks.reproductions.runs import done
from prunelab.events import Epoch, Result
from prunelab.models.mlp import perceptron
from prunelab.registry import model

EXAMPLES = 10_000  # of MNIST's training part; 6,000 of them train
ROUNDS = {"21 %": 7, "13 %": 9, "4 %": 15}  # a fifth less each: what is left, and after how many
RECIPE = (
    "10,000 examples of MNIST, 6,000 of which train, so that many rounds fit; Adam, learning rate "
    "0.0012 throughout, batch 60, no weight decay, Gaussian Glorot first values, as published; "
    "stopped in the epoch of lowest validation loss"
)


@row(
    "L-2",
    "Winning tickets of LeNet-300-100 on a sixth of MNIST: 21, 13 and 4 % of the weights left",
    published="at 21 % stopped 38 % earlier than dense; above dense by 0.3 points at 13.5 %; equal "
    "at 3.6 %",
    accepted="21 %: at least 15 % earlier; 13 %: not below dense; 4 %: within 0.4 points of dense",
    budget=Budget(epochs=20),
    recipe=f"{RECIPE}; 15 rounds, each as long; accuracies are of the validation part",
    holds=lambda n: (
        mean(n, "21 %, stop") <= 0.85 * mean(n, "dense, stop")
        and mean(n, "13 %, accuracy %") >= mean(n, "dense, accuracy %")
        and abs(mean(n, "4 %, accuracy %") - mean(n, "dense, accuracy %")) <= 0.4
    ),
    missing="a sixth of the examples, and a stop known to the epoch only",
)
def tickets(budget: Budget) -> Numbers:
    """When each stops, and the accuracy there."""
    return per_seed(_tickets(_run(seed, budget, 15)) for seed in range(budget.seeds))


@row(
    "L-3",
    "The 21 % ticket of L-2 with new first values",
    published="2.51 times as slow as the ticket, half a point worse",
    accepted="at least 1.5 times as slow and 0.2 points worse",
    budget=Budget(epochs=20),
    recipe=f"{RECIPE}; 7 rounds, then one set of new first values a ticket",
    holds=lambda n: (
        mean(n, "new values, stop") >= 1.5 * mean(n, "ticket, stop")
        and mean(n, "ticket, accuracy %") - mean(n, "new values, accuracy %") >= 0.2
    ),
    missing="a sixth of the examples, one set of new values instead of three, and training "
    "may end before the slow one stops",
)
def new_values(budget: Budget) -> Numbers:
    """When each stops, and the accuracy there."""
    return per_seed(_beside(seed, budget) for seed in range(budget.seeds))


def _tickets(result: Result) -> dict[str, float]:
    phases = {"dense": "dense"} | {left: f"round {n}" for left, n in ROUNDS.items()}
    found: dict[str, float] = {}
    for left, phase in phases.items():
        best = _stop(result, phase)
        found |= {f"{left}, stop": best.epoch, f"{left}, accuracy %": 100 * best.accuracy}
    return found


def _beside(seed: int, budget: Budget) -> dict[str, float]:
    ticket = _stop(_run(seed, budget, 15), "round 7")
    other = _stop(_run(seed, budget, 7, recover="reinit"), "round 7")
    return {
        "ticket, stop": ticket.epoch,
        "new values, stop": other.epoch,
        "ticket, accuracy %": 100 * ticket.accuracy,
        "new values, accuracy %": 100 * other.accuracy,
    }


def _run(seed: int, budget: Budget, rounds: int, **more: Any) -> Result:
    spec: dict[str, Any] = {"data": "arrays", "data_knobs": {"file": digits(EXAMPLES)}}
    spec |= {"model": shelve(), "method": "lottery-ticket"}
    spec |= {"sparsity": 1 - 0.8**rounds, "epochs": budget.epochs, "seed": seed}
    return done(**spec, **more).result


def _stop(result: Result, phase: str) -> Epoch:
    """The epoch of lowest validation loss."""
    return min((e for e in result.epochs if e.phase == phase), key=lambda e: e.validation_loss)


@functools.cache
def shelve() -> str:
    """Put the network as the paper trains it on the shelf of models; its name there."""

    @model(
        traits={"network"}, small=False, optimizer="adam", lr=1.2e-3, batch_size=60,
        weight_decay=0.0, milestones=(),
    )  # fmt: skip
    def lenet_frankle(shape: tuple[int, ...], classes: int) -> nn.Module:
        """LeNet-300-100 from Gaussian Glorot values, trained by Adam at one learning rate."""
        net = perceptron(shape, classes, [300, 100], "relu")
        for layer in net:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
        return net

    return "lenet-frankle"
