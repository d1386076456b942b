"""Time of a prediction with half of the filters gone, dense and small in turn: the ratio of pairs.

python benchmarks/structured_latency.py [--write]

One thread. An interval is that of the median ratio by order statistics, 95 %. Where there is batch
normalisation, also with it folded into the convolutions of both; and all of them also as
onnxruntime runs what ``prunelab export`` writes. The last column is the ratio with
2 % of the filters: pruning hardly gets further, as every operation is still there.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from written import put, table

from prunelab import onnx_file
from prunelab.experiment import prune
from prunelab.fastest import session
from prunelab.registry import MODELS

PAIRS, CALLS = 60, 5
Answer = Callable[[Tensor], Tensor]
CASES = (("lenet-5", (1, 28, 28)), ("resnet-narrow", (1, 28, 28)), ("resnet-20", (3, 32, 32)))


def main() -> None:
    """Print one line for each network and batch, and write them where asked."""
    torch.set_num_threads(1)
    rows = []
    for name, shape in CASES:
        torch.manual_seed(0)
        net = MODELS[name].function(shape, 10).eval()
        small = prune(net, "l1-filter", 0.5, torch.randn(2, *shape), scope="uniform").eval()
        last = prune(net, "l1-filter", 0.98, torch.randn(2, *shape), scope="uniform").eval()
        made = (net, small, last)
        trios: dict[str, Sequence[Answer]] = {name: made}
        if any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules()):
            trios[f"{name}, folded"] = [fuse(one) for one in made]
        trios[f"{name}, onnxruntime"] = [as_onnx(one, torch.randn(2, *shape)) for one in made]
        for title, trio in trios.items():
            for batch in (1, 64):
                rows.append(line(title, trio, torch.randn(batch, *shape)))
                print(*rows[-1])
    columns = ["network", "batch", "dense, ms", "small, ms", "times faster (95 % interval)"]
    columns.append("with 2 % of the filters")
    if "--write" in sys.argv:
        put("structured.md", "latency", table(columns, rows))


def as_onnx(net: nn.Module, x: Tensor) -> Answer:
    """What onnxruntime computes with the network, written as a file and read again."""
    with tempfile.TemporaryDirectory() as folder:
        onnx_file.write(net, x, Path(folder) / "net.onnx")
        return session(Path(folder) / "net.onnx")


def line(name: str, nets: Sequence[Answer], x: Tensor) -> list[str]:
    """All in turn, one row of the table."""
    turns = []
    for number in range(PAIRS + 3):
        order = nets if number % 2 else nets[::-1]
        times = {id(one): timed(one, x) for one in order}
        turns.append([times[id(net)] for net in nets])
    turns = turns[3:]  # the first ones warm up
    ratios = sorted(t[0] / t[1] for t in turns)
    low, high = interval(ratios)
    dense, less = (1000 * statistics.median(t[i] for t in turns) for i in (0, 1))
    faster = f"{statistics.median(ratios):.2f} ({low:.2f}–{high:.2f})"
    most = f"{statistics.median(t[0] / t[2] for t in turns):.2f}"
    return [name, str(len(x)), f"{dense:.2f}", f"{less:.2f}", faster, most]


def timed(net: Answer, x: Tensor) -> float:
    """Seconds of a call, the mean of a few."""
    with torch.inference_mode():
        start = time.perf_counter()
        for _ in range(CALLS):
            net(x)
    return (time.perf_counter() - start) / CALLS


def interval(ordered: Sequence[float]) -> tuple[float, float]:
    """The order statistics between which the median lies, 95 %."""
    n = len(ordered)
    reach = math.ceil(0.98 * math.sqrt(n))
    return ordered[max(0, (n - 1) // 2 - reach)], ordered[min(n - 1, n // 2 + reach)]


if __name__ == "__main__":
    main()
