"""Han et al. 2015 on MNIST: LeNet-300-100 by rounds of pruning and retraining, and without.

The paper keeps 8, 9 and 26 % of the weights of the three layers: 1.64 % error before, 1.59 % after
(Tables 1 and 3). Needs MNIST: a download, or a folder with mnist.npz named by PRUNELAB_DATA.

    python benchmarks/reproduce_han.py [--seeds 3] [--write]    # --write puts it into README.md
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any, NamedTuple

from written import put

import prunelab as pl

MNIST: dict[str, Any] = {
    "data": "mnist",
    "model": "lenet-300-100",
    "epochs": 20,
    "lr": 0.05,
    "batch_size": 100,
}
HAN = {"fc1": 0.92, "fc2": 0.91, "fc3": 0.74}  # shares removed: 8, 9 and 26 % stay


class Found(NamedTuple):
    """Test errors in percent, one per seed."""

    dense: list[float]
    rounds: list[float]
    retrained: list[float]
    not_retrained: list[float]


def reproduce(seeds: int) -> Found:
    """Run everything, or take it from the store."""
    found = Found([], [], [], [])
    for seed in range(seeds):
        args = {**MNIST, "seed": seed}
        han = pl.run(method="iterative-magnitude", layers=HAN, recover_epochs=8, **args).result
        with_ = pl.run(method="magnitude", sparsity=0.95, **args).result
        without = pl.run(method="magnitude", sparsity=0.95, recover="none", **args).result
        stages = (han.dense, han.recovered, with_.recovered, without.recovered)
        for errors, stage in zip(found, stages, strict=True):
            errors.append(100 * (1 - stage["accuracy"]))
    return found


def words(found: Found) -> str:
    """The lines for README.md."""
    lines = [
        ("dense", "-", found.dense, "1.64"),
        ("rounds of pruning, 8 / 9 / 26 % of the layers kept", "91.8 %", found.rounds, "1.59"),
        ("magnitude at once, retrained", "95 %", found.retrained, "-"),
        ("magnitude at once, not retrained", "95 %", found.not_retrained, "-"),
    ]
    head = "| LeNet-300-100 on MNIST | removed | test error % | published % |"
    rows = [f"| {name} | {gone} | {_mean(e)} | {paper} |" for name, gone, e, paper in lines]
    seeds = f"Mean and sample deviation of {len(found.dense)} seeds; `make reproduce` runs it."
    return "\n".join([head, "| --- | --- | --- | --- |", *rows, "", seeds])


def _mean(errors: list[float]) -> str:
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else " (one run)"
    return f"{statistics.fmean(errors):.2f}{spread}"


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    text = words(reproduce(given.seeds))
    print(text)
    if given.write:
        put("../README.md", "reproduction", text)


if __name__ == "__main__":
    main()
