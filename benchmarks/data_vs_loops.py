"""Scores of examples against the loops people write: GraNd one row at a time, k-centre in full.

``python benchmarks/data_vs_loops.py [rounds]``. The per-example loop of GraNd is timed on some rows
and scaled to all (it is the same work for each); everything else is timed whole, in turns.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from prunelab.methods.k_center import farthest_first
from prunelab.models.lenet_300_100 import lenet_300_100
from prunelab.parts import Part
from prunelab.rating.gradient_norms import gradient_norms

ROWS, SOME, CENTRES = 60_000, 300, 60


def main(rounds: int = 3) -> None:
    """Print the ratio of each pair: median, lowest and highest of the rounds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    net = lenet_300_100((1, 28, 28), 10).eval()
    part = Part(random.normal(size=(ROWS, 1, 28, 28)).astype(np.float32), np.arange(ROWS) % 10)
    few = Part(part.x[:SOME], part.y[:SOME])
    worst = np.abs(_loop(net, few) / gradient_norms(net, few) - 1).max()
    h = random.normal(size=(ROWS, 512)).astype(np.float32)
    assert farthest_first(h, CENTRES)[0].tolist() == _full(h, CENTRES)
    sys.stdout.write(
        f"{platform.machine()}, 1 thread, {rounds} rounds; GraNd differs by {worst:.1e}\n"
    )
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        _note(times, "grand loop", ROWS / SOME * _timed(lambda: _loop(net, few)))
        _note(times, "grand ours", _timed(lambda: gradient_norms(net, part)))
        _note(times, "k-centre loop", _timed(lambda: _full(h, CENTRES)))
        _note(times, "k-centre ours", _timed(lambda: farthest_first(h, CENTRES)))
    for name in ("grand", "k-centre"):
        pairs = zip(times[f"{name} loop"], times[f"{name} ours"], strict=True)
        ratios = [loop / ours for loop, ours in pairs]
        sys.stdout.write(
            f"{name}: {statistics.median(ratios):.0f} times ({min(ratios):.0f}-{max(ratios):.0f}), "
            f"ours {statistics.median(times[f'{name} ours']):.2f} s\n"
        )


def _loop(net: torch.nn.Module, part: Part) -> np.ndarray:
    """A backward pass for each row."""
    lengths = []
    for x, y in zip(torch.from_numpy(part.x), torch.from_numpy(part.y), strict=True):
        net.zero_grad()
        cross_entropy(net(x[None]), y[None]).backward()
        lengths.append(float(torch.cat([p.grad.flatten() for p in net.parameters()]).norm()))
    return np.array(lengths)


def _full(h: np.ndarray, count: int) -> list[int]:
    """The common loop: distances to all centres so far, again for every new one."""
    taken = [int(((h - h.mean(0)) ** 2).sum(1).argmin())]
    while len(taken) < count:
        near = np.stack([((h - h[centre]) ** 2).sum(1) for centre in taken]).min(0)
        taken.append(int(near.argmax()))
    return taken


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _note(times: dict[str, list[float]], name: str, seconds: float) -> None:
    times.setdefault(name, []).append(seconds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
