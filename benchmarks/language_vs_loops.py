"""Scores and masks of language models: ours against the published loops, equal results, in turn.

python benchmarks/language_vs_loops.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from prunelab import pagerank
from prunelab.lm.sparsegpt import solve
from prunelab.lm.weights import mask

ROUNDS = 5
Call = Callable[[], Any]


def main() -> None:
    """Print one row for each method."""
    torch.set_num_threads(1)
    print("| what | published, s | ours, s | faster (min–max) | equal |")
    print("|---|---|---|---|---|")
    chance = torch.Generator().manual_seed(0)
    w = torch.randn(2048, 2048, generator=chance)
    x = torch.randn(4096, 2048, generator=chance) * (0.1 + 3 * torch.rand(2048, generator=chance))
    squares, h = x.square().sum(0), x.T @ x
    row(
        "Wanda, 2048 × 2048",
        lambda: wanda_loop(w, squares),
        lambda: mask("wanda", w, squares, 0.5, None),
        torch.equal,
    )
    up = torch.randn(11008, 4096, generator=chance)
    p, active = torch.rand(4096, generator=chance), torch.rand(11008, generator=chance)
    row(
        "weighted PageRank, 4096 → 11008",
        lambda: pagerank_loop(up, p, active),
        lambda: pagerank.weighted(up, p, active),
        lambda a, b: torch.allclose(a.double(), b, rtol=1e-4),
    )
    row(
        "SparseGPT, 2048 × 2048",
        lambda: sparsegpt_loop(w, h),
        lambda: solve(w, h, 0.5),
        lambda a, b: f"{100 * float(((a != 0) == b.stays).float().mean()):.3f} % of the mask",
    )


def row(name: str, theirs: Call, ours: Call, equal: Callable[[Any, Any], Any]) -> None:
    """Both ways in turn."""
    times: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        one = theirs()
        middle = time.perf_counter()
        two = ours()
        times.append((middle - start, time.perf_counter() - middle))
    ratios = [a / b for a, b in times]
    both = [statistics.median(t) for t in zip(*times, strict=True)]
    spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})"
    print(f"| {name} | {both[0]:.3f} | {both[1]:.3f} | {spread} | {equal(one, two)} |", flush=True)


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


def sparsegpt_loop(w: Tensor, hessian: Tensor, columns: int = 128) -> Tensor:
    """IST-DASLab/sparsegpt, sparsegpt.py, fasterprune, without its forced GPU synchronisation."""
    w, h = w.clone(), hessian.clone()
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
