"""Ranks of feature maps: ours against a loop of ``matrix_rank``, every rank compared, in turn.

python benchmarks/hrank_vs_loop.py [--write]

One thread, and its own time on the processor, so that what else runs counts less. The maps are
those of a small VGG that was trained to tell pieces of two photographs apart, and of one that was
trained on digits and sees them drawn larger: smooth maps, with singular values all the way down to
the tolerance. Random numbers are maps of full rank.

Beside it the least that any way through AAᵀ takes here: that product and one Cholesky factor in
float64, for maps of full rank as for all others.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from written import put, table

from prunelab.filters.maps import maps
from prunelab.filters.ranks import CHUNK, numerical_rank
from prunelab.parts import Parts, Table, split
from prunelab.registry import DATASETS, MODELS
from prunelab.training import Cover, Recipe, fit

ROUNDS = 9
COUNT = 1500  # maps of each size
SIDE = 32
LAYERS = ("conv1_1", "conv2_1", "conv3_1")  # of 32, 16 and 8 pixels a side


def main() -> None:
    """Print one line for each size of map, and write them where asked."""
    torch.set_num_threads(1)
    rows = []
    sources = {
        "photographs": trained_maps(photographs()),
        "digits": of_digits(),
        "random numbers": [torch.randn(COUNT, side, side) for side in (SIDE, SIDE // 2, SIDE // 4)],
    }
    for name, found in sources.items():
        for some in found:
            rows.append([name, *line(some)])
            print(*rows[-1])
    columns = ["images", "maps", "rank, mean", "loop, µs", "ours, µs", "times faster (min–max)"]
    columns += ["product and factor alone, µs", "times faster", "ranks that differ"]
    if "--write" in sys.argv:
        put("structured.md", "ranks", table(columns, rows))


def photographs(each: int = 1000) -> Parts:
    """Square pieces of two photographs, and which one they are of."""
    chance = np.random.default_rng(0)
    pieces = []
    for photo in load_sample_images().images:
        for _ in range(each):
            top, left = (chance.integers(0, n - SIDE) for n in photo.shape[:2])
            pieces.append(photo[top : top + SIDE, left : left + SIDE].transpose(2, 0, 1) / 255)
    y = np.repeat([0, 1], each)
    return split(Table(x=np.array(pieces, np.float32), y=y, classes=("china", "flower")))


def of_digits() -> list[Tensor]:
    """The maps of digits drawn larger."""
    parts = split(DATASETS["digits"].function())
    x = torch.from_numpy(parts.train.x[:100])
    large = torch.nn.functional.interpolate(x, size=SIDE, mode="bicubic")
    return trained_maps(parts, large)


def trained_maps(parts: Parts, x: Tensor | None = None) -> list[Tensor]:
    """Maps of a small VGG that was trained, of x or of what it was trained on."""
    torch.manual_seed(0)
    net = MODELS["vgg-small"].function(parts.shape, len(parts.classes))
    recipe = Recipe(epochs=5, lr=0.05)
    list(fit(net, parts, recipe, phase="dense", seed=0, cover=Cover({})))
    x = torch.from_numpy(parts.train.x[:100]) if x is None else x
    return [some.flatten(0, 1)[:COUNT].contiguous() for (some,) in maps(net, x, LAYERS).values()]


def line(some: Tensor) -> list[str]:
    """Both ways in turn, the rest of a row."""
    ratios, loops, ours, least = [], [], [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        wanted = torch.stack([torch.linalg.matrix_rank(m) for m in some])
        middle = time.process_time()
        got = numerical_rank(some)
        end = time.process_time()
        product_and_factor(some)
        least.append(1e6 * (time.process_time() - end) / len(some))
        loops.append(1e6 * (middle - start) / len(some))
        ours.append(1e6 * (end - middle) / len(some))
        ratios.append((middle - start) / (end - middle))
    spread = f"{min(ratios):.1f}–{max(ratios):.1f}"
    return [
        f"{some.shape[-2]} × {some.shape[-1]}",
        f"{wanted.double().mean():.1f}",
        f"{statistics.median(loops):.1f}",
        f"{statistics.median(ours):.1f}",
        f"{statistics.median(ratios):.1f} ({spread})",
        f"{statistics.median(least):.1f}",
        f"{statistics.median(loops) / statistics.median(least):.1f}",
        f"{int((wanted != got).sum())} of {len(some)}",
    ]


def product_and_factor(some: Tensor) -> None:
    """What proves full rank, and nothing around it."""
    for few in torch.split(some, CHUNK // some[0].numel()):
        x = few.double()
        gram = x @ x.mT
        gram.diagonal(dim1=-2, dim2=-1).add_(1.0)  # so that every factor goes to its end
        torch.linalg.cholesky_ex(gram)


if __name__ == "__main__":
    main()
