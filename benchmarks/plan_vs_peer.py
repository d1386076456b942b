"""Time to plan surgery: what belongs together, ours and torch-pruning's; ours also tries it all.

python benchmarks/plan_vs_peer.py [--write]   (in an environment that also has torch-pruning 1.6.1)

In turn, in one process, one thread. The peer's time is that of building its graph and listing its
groups; it tries nothing. One trial keeps a few units of every class, on the network itself: to
watch and to try once is the least that a plan can take of which anything was tried.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from written import put, table

from prunelab.models.resnet import resnet_56
from prunelab.models.vit_tiny import Block
from prunelab.surgery import plan, shrink
from prunelab.surgery.classes import classes_of, layouts_of
from prunelab.surgery.compare import probe
from prunelab.surgery.trace import trace

ROUNDS = 5


def main() -> None:
    """Print a row for each network, and write them where asked."""
    import torch_pruning  # a peer for this comparison alone, no requirement

    torch.set_num_threads(1)
    torch.manual_seed(0)
    gpt = nn.Sequential(*(Block(768, 12) for _ in range(12)), nn.Linear(768, 1000))
    cases = {
        "ResNet-56": (resnet_56((3, 32, 32), 10).eval(), torch.randn(2, 3, 32, 32)),
        "12 blocks, 768 wide": (gpt.eval(), torch.randn(2, 8, 768)),
    }
    rows = [row(name, net, x, torch_pruning) for name, (net, x) in cases.items()]
    ratios = "/ peer (min–max)"
    columns = [
        "network",
        "peer, ms",
        "ours, ms",
        ratios,
        "one trial, ms",
        "with all trials, ms",
        ratios,
        "shrink, ms",
    ]
    print(told := table(columns, rows))
    if "--write" in sys.argv:
        put("structured.md", "plan", told)


def row(name: str, net: nn.Module, x: Tensor, peer: Any) -> list[str]:
    """All in turn; the first round warms up."""
    found = plan(net, x)
    few = {c.name: torch.arange(c.size) < 4 for c in found.classes}
    calls = (
        lambda: graph(net, x, peer),
        lambda: watched(net, x),
        lambda: plan(net, x),
        lambda: probe(net, x, found.classes, few),
    )
    times = [[1000 * timed(call) for call in calls] for _ in range(ROUNDS + 1)][1:]
    masks = {c.name: torch.arange(c.size) < c.size // 2 for c in found.classes}
    cut = 1000 * min(timed(lambda: shrink(found, net, masks)) for _ in range(3))
    theirs, ours, whole, one = (statistics.median(column) for column in zip(*times, strict=True))
    columns = [f"{theirs:.0f}", f"{ours:.0f}", ratio(times, 1), f"{one:.0f}"]
    return [name, *columns, f"{whole:.0f}", ratio(times, 2), f"{cut:.0f}"]


def ratio(times: list[list[float]], column: int) -> str:
    """The median and the range of one way's time over the peer's."""
    found = sorted(t[column] / t[0] for t in times)
    return f"{statistics.median(found):.2f} ({found[0]:.2f}–{found[-1]:.2f})"


def watched(net: nn.Module, x: Tensor) -> int:
    """What belongs together, before anything is tried."""
    seen = trace(net, x)
    return len(classes_of(seen, net, layouts_of(seen)))


def graph(net: nn.Module, x: Tensor, peer: Any) -> int:
    """The peer's graph and its groups."""
    made = peer.DependencyGraph().build_dependency(net, example_inputs=x)
    return sum(1 for _ in made.get_all_groups())


def timed(call: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
