"""Scores and masks of language models: ours against the published loops, equal results, in turn.

    python benchmarks/language_vs_loops.py [--print]

One thread, seconds of the processor, so that other work on the machine weighs less. Memory is what
a process of its own has resident at most, above what it had before, weights and Hessian given;
masks and scores that come out are counted. Writes its table into docs/language-models.md.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from resident import asked, most
from torch import Tensor
from written import put

from prunelab import pagerank
from prunelab.lm.sparsegpt import solve_
from prunelab.lm.weights import mask

ROUNDS = 7


class Case(NamedTuple):
    """Two ways to the same, what both are given and may use up, and how their results compare."""

    name: str
    given: tuple[Tensor, ...]
    theirs: Callable[..., Any]
    ours: Callable[..., Any]
    equal: Callable[[Any, Any], str]


def wanda(size: int = 2048) -> Case:
    """Half of every row."""
    w, x = _layer(size)
    return Case(
        f"Wanda's mask, {size} × {size}",
        (w, x.square().sum(0)),
        wanda_loop,
        lambda w, squares: mask("wanda", w, squares, 0.5, None),
        lambda a, b: "every weight" if torch.equal(a, b) else f"{int((a != b).sum())} differ",
    )


def rank(size: int = 4096) -> Case:
    """Of the up-projection of a model of 7 billion parameters."""
    chance, wide = torch.Generator().manual_seed(0), size * 43 // 16
    up = torch.randn(wide, size, generator=chance)
    return Case(
        f"weighted PageRank, {size} → {wide}",
        (up, torch.rand(size, generator=chance), torch.rand(wide, generator=chance)),
        pagerank_loop,
        pagerank.weighted,
        lambda a, b: f"scores to {float((a.double() / b - 1).abs().max()):.0e}",
    )


def sparsegpt(size: int = 2048) -> Case:
    """Half of every 128 columns."""
    w, x = _layer(size)
    return Case(
        f"SparseGPT, {size} × {size}",
        (w, x.T @ x),
        sparsegpt_loop,
        lambda w, h: solve_(w, h, 0.5),
        lambda a, b: (
            f"all but {int(((a != 0) != b.stays).sum())} of {w.numel():,} weights of the mask"
        ),
    )


CASES = {"wanda": wanda, "rank": rank, "sparsegpt": sparsegpt}


def main() -> None:
    """Measure, and put the table in its place."""
    torch.set_num_threads(1)
    if "--extra" in sys.argv:
        print(extra(*sys.argv[-2:]))
        return
    lines = [
        "| what | faster, median (lowest–highest) | equal | their extra memory | ours | share |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, case in CASES.items():
        lines.append(row(name, case))
        print(lines[-1], flush=True)
    if "--print" not in sys.argv:
        put("language-models.md", "loops", "\n".join(lines))


def row(name: str, make: Callable[[], Case]) -> str:
    """Both ways in turn, each on a copy of what is given; then each in a process of its own."""
    case = make()
    times: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        first, second = ([t.clone() for t in case.given] for _ in range(2))
        start = time.process_time()
        one = case.theirs(*first)
        middle = time.process_time()
        two = case.ours(*second)
        times.append((middle - start, time.process_time() - middle))
    ratios = [a / b for a, b in times]
    theirs, ours = (asked(__file__, name, who) for who in ("theirs", "ours"))
    cells = (
        case.name,
        f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})",
        case.equal(one, two),
        f"{theirs / 2**20:.1f} MiB",
        f"{ours / 2**20:.1f} MiB",
        f"{100 * ours / theirs:.1f} %",
    )
    return "| " + " | ".join(cells) + " |"


def extra(name: str, who: str) -> int:
    """The most memory of one way."""
    small, case = CASES[name](256), CASES[name]()
    getattr(small, who)(*small.given)  # loads what is loaded once
    return most(lambda: getattr(case, who)(*case.given))


def _layer(size: int) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    w = torch.randn(size, size, generator=chance)
    spread = 0.1 + 3 * torch.rand(size, generator=chance)
    return w, torch.randn(2 * size, size, generator=chance) * spread


def wanda_loop(w: Tensor, squares: Tensor) -> Tensor:
    """locuslab/wanda, lib/prune.py, unstructured: a stable sort of every row, then a scatter."""
    metric = w.abs() * torch.sqrt(squares.reshape(1, -1))
    gone = torch.zeros_like(metric) == 1
    order = torch.sort(metric, dim=-1, stable=True)
    gone.scatter_(1, order[1][:, : int(metric.shape[1] * 0.5)], True)
    return ~gone


def pagerank_loop(w: Tensor, p: Tensor, active: Tensor) -> Tensor:
    """amazon-science/llm-rank-pruning, the weighted rank: both matrices made and normalised."""
    gamma, theta = 0.9, 0.5
    size = w.abs()
    links = (w != 0).float()
    through = torch.nan_to_num(size / size.sum(dim=0)) * theta
    through = through + torch.nan_to_num(links / links.sum(dim=0)) * (1 - theta)
    v = gamma * (through @ (p / p.sum())) + (1 - gamma) * active / active.sum()
    return torch.nan_to_num(v / v.sum())


def sparsegpt_loop(w: Tensor, h: Tensor, columns: int = 128) -> Tensor:
    """IST-DASLab/sparsegpt, sparsegpt.py, fasterprune, without its forced GPU synchronisation."""
    w = w.clone()
    h.diagonal().add_(0.01 * h.diagonal().mean())
    h = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    for i1 in range(0, w.shape[1], columns):
        i2 = i1 + columns
        w1, q1, err1, h1 = w[:, i1:i2].clone(), torch.zeros(len(w), columns), [], h[i1:i2, i1:i2]
        cost = w1**2 / torch.diag(h1).reshape(1, -1) ** 2
        gone = cost <= torch.sort(cost.flatten())[0][int(cost.numel() * 0.5)]
        for i in range(columns):
            q = w1[:, i].clone()
            q[gone[:, i]] = 0
            q1[:, i] = q
            err = (w1[:, i] - q) / h1[i, i]
            w1[:, i:] -= err.unsqueeze(1).matmul(h1[i, i:].unsqueeze(0))
            err1.append(err)
        w[:, i1:i2] = q1
        w[:, i2:] -= torch.stack(err1, 1).matmul(h[i1:i2, i2:])
    return w


if __name__ == "__main__":
    main()
