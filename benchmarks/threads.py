"""Runs side by side, each with one thread or each with as many as there are cores: which is sooner.

    python benchmarks/threads.py [--rounds 5] [--write]    # --write: into docs/engine.md

As many processes as the machine has cores train LeNet-300-100 at the same time; both ways take
turns. The engine gives each run one thread: here one sees whether that is right for a machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from multiprocessing.synchronize import Barrier

from written import machine, put

STEPS = 300


def main() -> None:
    """Train both ways in turns, print how much longer many threads take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    asked, cores, where = parser.parse_args(), os.cpu_count() or 1, machine()
    ratios = [_side_by_side(cores, cores) / _side_by_side(cores, 1) for _ in range(asked.rounds)]
    said = (
        f"{where[0].upper()}{where[1:]}. {cores} trainings side by side take "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) times as long "
        f"with {cores} threads each as with one, the median of {asked.rounds} rounds."
    )
    print(said)
    if asked.write:
        put("engine.md", "threads", said)


def _side_by_side(processes: int, threads: int) -> float:
    """Seconds from when all are ready until the last has trained."""
    started = multiprocessing.get_context("spawn")
    ready, over = (started.Barrier(processes + 1) for _ in range(2))
    everyone = [
        started.Process(target=_train, args=(threads, ready, over)) for _ in range(processes)
    ]
    for one in everyone:
        one.start()
    ready.wait()
    begun = time.perf_counter()
    over.wait()
    taken = time.perf_counter() - begun
    for one in everyone:
        one.join()
    return taken


def _train(threads: int, ready: Barrier, over: Barrier) -> None:
    """Steps of a network, after some that warm up."""
    import torch

    from prunelab.models.lenet_300_100 import lenet_300_100

    torch.set_num_threads(threads)
    net = lenet_300_100((1, 28, 28), 10)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.rand(50, 1, 28, 28), torch.randint(10, (50,))

    def train(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()

    train(STEPS // 10)
    ready.wait()
    train(STEPS)
    over.wait()


if __name__ == "__main__":
    main()
