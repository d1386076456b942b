"""A sweep of ours against the plain way: torch.nn.utils.prune, a DataLoader and a loop.

Both train LeNet-300-100 on digits, prune it globally by magnitude and fine-tune it, for every
sparsity and seed, with the same optimiser, epochs and batches. The plain loop trains the dense
network anew for each sparsity, as scripts do; "dense once" is the same loop that keeps it. The
three take turns in one process, with one thread; the results are compared before the times.

    python benchmarks/sweep_vs_plain.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import copy
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, TensorDataset

from prunelab.events import fold
from prunelab.experiment import run
from prunelab.job import Job, prepare
from prunelab.masks import removed
from prunelab.spec import RunSpec, sweep
from prunelab.training import Recipe, tensors

SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98)
SEEDS = (0, 1)
SPECS = sweep(RunSpec(), seed=SEEDS, sparsity=SPARSITIES)


def ours() -> dict[str, float]:
    """Accuracy of each run, through the library: events, histograms, costs and all."""
    with tempfile.TemporaryDirectory() as folder:
        results = [fold(run(spec, dense=Path(folder))) for spec in SPECS]
    return {r.key: r.recovered["accuracy"] for r in results}


def plain(*, dense_once: bool) -> dict[str, float]:
    """Accuracy of each run, by a script such as tutorials show."""
    accuracies, trained = {}, {}
    for spec in SPECS:
        job = prepare(spec)
        if not dense_once or spec.seed not in trained:
            net = job.build()
            _train(net, job, job.recipe)
            trained[spec.seed] = net
        net = copy.deepcopy(trained[spec.seed])
        layers = [(m, "weight") for m in net.modules() if isinstance(m, nn.Linear)]
        gone = removed(spec.sparsity, sum(m.weight.numel() for m, _ in layers))
        prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=gone)
        _train(net, job, job.retrain)
        for module, name in layers:
            prune.remove(module, name)
        x, y = tensors(job.parts.test_once())
        with torch.no_grad():
            accuracies[spec.key] = float((net(x).argmax(1) == y).float().mean())
    return accuracies


def _train(net: nn.Module, job: Job, recipe: Recipe) -> None:
    loader = DataLoader(
        TensorDataset(*tensors(job.parts.train)), batch_size=recipe.batch_size, shuffle=True
    )
    optimizer = recipe.build(net)
    at = [round(m * recipe.epochs) for m in recipe.milestones]
    steps = torch.optim.lr_scheduler.MultiStepLR(optimizer, at)
    for _ in range(recipe.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
        steps.step()


def main() -> None:
    """Time the three in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    ways: dict[str, Callable[[], dict[str, float]]] = {
        "prunelab": ours,
        "plain loop": lambda: plain(dense_once=False),
        "plain loop, dense once": lambda: plain(dense_once=True),
    }
    found = {name: way() for name, way in ways.items()}  # a warm-up, and the results
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    print(f"{len(SPECS)} runs on digits, 1 thread, {rounds} rounds in turn, {platform.machine()}, ")
    print(f"torch {torch.__version__}\n\n| way | seconds (median) | × prunelab | mean accuracy |")
    print("| --- | --- | --- | --- |")
    for name, times in seconds.items():
        ratios = sorted(t / o for t, o in zip(times, seconds["prunelab"], strict=True))
        mean = statistics.fmean(found[name].values())
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"| {name} | {statistics.median(times):.2f} | {spread} | {100 * mean:.1f} % |")


if __name__ == "__main__":
    main()
