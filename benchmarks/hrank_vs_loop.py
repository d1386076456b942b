"""Ranks of feature maps: ours against a loop of ``matrix_rank``, every rank compared, in turn.

python benchmarks/hrank_vs_loop.py
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor

from prunelab.filters.maps import maps
from prunelab.filters.ranks import numerical_rank
from prunelab.parts import split
from prunelab.registry import DATASETS, MODELS
from prunelab.training import Cover, Recipe, fit

ROUNDS = 7
COUNT = 1500  # maps of each size


def main() -> None:
    """Print one line for each size of map."""
    torch.set_num_threads(1)
    found = trained_maps()
    print("| maps | rank, mean | loop, µs a map | ours, µs a map | faster (min–max) | differ |")
    print("|---|---|---|---|---|---|")
    for side in (32, 16, 8):
        print(line(side, found[side]))


def trained_maps() -> dict[int, Tensor]:
    """Maps of a small VGG that was trained on digits, drawn larger: 32, 16 and 8 pixels a side."""
    parts = split(DATASETS["digits"].function())
    torch.manual_seed(0)
    net = MODELS["vgg-small"].function(parts.shape, 10)
    recipe = Recipe(epochs=5, lr=0.05)
    list(fit(net, parts, recipe, phase="dense", seed=0, cover=Cover({})))
    x = torch.from_numpy(parts.train.x[:100])
    large = torch.nn.functional.interpolate(x, size=32, mode="bicubic")
    layers = ["conv1_1", "conv2_1", "conv3_1"]
    found = {}
    for name, (some,) in maps(net, large, layers).items():
        side = some.shape[-1] if name != "conv3_1" else 8
        found[side] = some.flatten(0, 1)[:COUNT].contiguous()
    return found


def line(side: int, some: Tensor) -> str:
    """Both ways in turn, one row of the table."""
    ratios, loops, ours = [], [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        wanted = torch.stack([torch.linalg.matrix_rank(m) for m in some])
        middle = time.perf_counter()
        got = numerical_rank(some)
        end = time.perf_counter()
        loops.append(1e6 * (middle - start) / len(some))
        ours.append(1e6 * (end - middle) / len(some))
        ratios.append((middle - start) / (end - middle))
    spread = f"{min(ratios):.1f}–{max(ratios):.1f}"
    return (
        f"| {side} × {side} | {wanted.double().mean():.1f} | {statistics.median(loops):.1f} | "
        f"{statistics.median(ours):.1f} | {statistics.median(ratios):.1f} ({spread}) | "
        f"{int((wanted != got).sum())} of {len(some)} |"
    )


if __name__ == "__main__":
    main()
