"""Rows that need no training and no luck: counts, collapse, patterns."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from benchmarks.reproductions.row import Budget, Numbers, per_seed, row
from prunelab.masks import allocate, select
from prunelab.probes import reached, weights
from prunelab.registry import METHODS

ONCE = Budget(seeds=1)
LENET = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
PINNED = {"90 %": (18714, 6906, 1000), "98 %": (3621, 1336, 367)}
LADDER = {3: 51.3, 7: 21.1, 9: 13.5, 15: 3.6, 16: 2.9}  # rounds: % left
WIDTHS = (64, 100, 100, 100, 100, 100, 10)
LEAST = 6  # one weight in each layer of the deep network


@row(
    "A-1",
    "Weights that Erdős-Rényi-kernel keeps of LeNet-300-100 at 90 and 98 %",
    published="18,714 / 6,906 / 1,000 and 3,621 / 1,336 / 367, by the code of RigL and JaxPruner",
    accepted="the same to one weight",
    budget=ONCE,
    holds=lambda n: all(
        abs(n[f"{share}, {layer}"][0] - count) <= 1
        for share, counts in PINNED.items()
        for layer, count in zip(LENET, counts, strict=True)
    ),
)
def erk(_: Budget) -> Numbers:
    """Counts by layer."""
    scores = {name: torch.rand(shape) for name, shape in LENET.items()}
    return {
        f"{share}, {layer}": [kept]
        for share, sparsity in (("90 %", 0.9), ("98 %", 0.98))
        for layer, kept in allocate(scores, sparsity, "erk").items()
    }


@row(
    "L-1",
    "The ladder of the lottery: per cent of LeNet-300-100 left after 3, 7, 9, 15, 16 rounds",
    published="51.3, 21.1, 13.5, 3.6, 2.9",
    accepted="the same to 0.1, every layer within 1.5 weights",
    budget=ONCE,
    holds=lambda n: (
        all(round(n[f"round {k}"][0], 1) == left for k, left in LADDER.items())
        and n["largest distance of a layer, weights"][0] <= 1.5
    ),
)
def ladder(_: Budget) -> Numbers:
    """What one ranking keeps, beside rates of 20, 20 and 10 % a round."""
    layers = [nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)]
    scores = METHODS["lottery-ticket"].function(nn.Sequential(*layers), None)
    sizes, rates = (235_200, 30_000, 1_000), (0.8, 0.8, 0.9)
    found, far = {}, 0.0
    for number in LADDER:
        exact = [n * r**number for n, r in zip(sizes, rates, strict=True)]
        kept = allocate(scores, 1 - round(sum(exact)) / sum(sizes)).values()
        far = max(far, *(abs(k - e) for k, e in zip(kept, exact, strict=True)))
        found[f"round {number}"] = [100 * sum(kept) / sum(sizes)]
    return found | {"largest distance of a layer, weights": [far]}


@row(
    "F-1",
    "SynFlow keeps a deep network alive at one weight a layer",
    published="no layer collapses before that (Tanaka et al. 2020, arXiv:2006.05467)",
    accepted="one weight in each of six layers, a path from input to output",
    recipe="64-100-100-100-100-100-10 without biases, 100 steps; nothing is trained",
    holds=lambda n: (
        set(n["fewest weights in a layer"]) == {1} and set(n["outputs with a path"]) == {1}
    ),
)
def synflow(budget: Budget) -> Numbers:
    """The thinnest layer, and outputs still reached."""
    return per_seed(
        {"fewest weights in a layer": min(counts), "outputs with a path": live}
        for counts, live in (collapse(seed)["SynFlow"] for seed in range(budget.seeds))
    )


@row(
    "F-2",
    "All others collapse there",
    published="random, magnitude, SNIP, GraSP collapse before (ibid.)",
    accepted="no output with a path",
    recipe="as F-1",
    holds=lambda n: not any(itertools.chain.from_iterable(n.values())),
)
def others(budget: Budget) -> Numbers:
    """Outputs still reached."""
    found = [collapse(seed) for seed in range(budget.seeds)]
    return per_seed(
        {f"{name}, outputs with a path": live for name, (_, live) in f.items() if name != "SynFlow"}
        for f in found
    )


@row(
    "N-1",
    "2:4 of a layer of 300 × 784",
    published="50 %, the two largest of each four (Mishra et al. 2021, arXiv:2104.08378)",
    accepted="exactly",
    budget=ONCE,
    holds=lambda n: n["left, %"][0] == 50 and n["fours that keep their two largest, %"][0] == 100,
)
def two_of_four(_: Budget) -> Numbers:
    """How many are left, and whether they are the right ones."""
    net = nn.Sequential(nn.Linear(784, 300))
    mask = select(METHODS["n-m"].function(net, None, sparsity=0.5), {"0": 117_600})["0"]
    fours = net[0].weight.detach().abs().reshape(-1, 4)
    stays = mask.reshape(-1, 4)
    best = torch.zeros_like(stays).scatter(1, fours.topk(2).indices, value=True)
    right = (stays == best).all(1).float().mean()
    return {
        "left, %": [100 * float(mask.float().mean())],
        "fours that keep their two largest, %": [100 * float(right)],
    }


def collapse(seed: int) -> dict[str, tuple[list[int], int]]:
    """A deep network pruned to one weight a layer: weights by layer and live outputs, a method."""
    net = _deep(seed)
    data = (torch.randn(200, WIDTHS[0]).double(), torch.arange(200) % 10)
    sparsity = 1 - LEAST / sum(w.numel() for w in weights(net).values())
    scores = {
        "SynFlow": METHODS["synflow"].function(net, data, sparsity=sparsity),
        "SynFlow in one step": METHODS["synflow"].function(
            net, data, sparsity=sparsity, score_rounds=1
        ),
        "SNIP": METHODS["snip"].function(net, data, seed=seed),
        "GraSP": METHODS["grasp"].function(net, data, seed=seed),
        "magnitude": METHODS["magnitude"].function(net, data),
        "random": {n: torch.rand(w.shape) for n, w in weights(net).items()},
    }
    return {name: _pruned(net, s, sparsity) for name, s in scores.items()}


def _deep(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Linear(a, b, bias=False) for a, b in itertools.pairwise(WIDTHS)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    body = itertools.chain.from_iterable((layer, nn.ReLU()) for layer in layers)
    return nn.Sequential(*body)[:-1].double()


@torch.no_grad()
def _pruned(net: nn.Module, scores: dict[str, Tensor], sparsity: float) -> tuple[list[int], int]:
    mask = select(scores, allocate(scores, sparsity))
    held = {name: w.detach().clone() for name, w in weights(net).items()}
    for name, w in weights(net).items():
        w.mul_(mask[name])
    live = reached(net, (WIDTHS[0],))[0]
    for name, w in weights(net).items():
        w.copy_(held[name])
    return [int(m.sum()) for m in mask.values()], live
