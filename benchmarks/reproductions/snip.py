"""S: connection sensitivity before training (Lee et al. 2019, arXiv:1810.02340, table 1)."""

from __future__ import annotations

from typing import Any

from benchmarks.reproductions.row import Budget, Numbers, mean, row
from benchmarks.reproductions.runs import errors


@row(
    "S-1",
    "SNIP, LeNet-300-100 at 95 and 98 %",
    published="error 1.6 and 2.4 %, dense 1.7 %",
    accepted="at most 2.0 and 2.9 %",
    budget=Budget(epochs=40),
    recipe="SGD, learning rate 0.1 falling by ten at half and at 80 %, batch 100",
    holds=lambda n: mean(n, "95 %, error %") <= 2.0 and mean(n, "98 %, error %") <= 2.9,
    missing="the paper trains for about 460 epochs",
)
def lenet_300_100(budget: Budget) -> Numbers:
    """Errors at both sparsities."""
    return _both(budget, {"model": "lenet-300-100"}, (0.95, 0.98))


@row(
    "S-2",
    "SNIP, LeNet-5 at 98 and 99 %",
    published="error 0.8 and 1.1 %, dense 0.9 %",
    accepted="at most 1.1 and 1.6 %",
    budget=Budget(epochs=3),
    recipe="SGD, learning rate 0.05 falling by ten at half and at 80 %, batch 100",
    holds=lambda n: mean(n, "98 %, error %") <= 1.1 and mean(n, "99 %, error %") <= 1.6,
    missing="the paper trains for about 460 epochs, and the sparser a network the longer it takes",
)
def lenet_5(budget: Budget) -> Numbers:
    """Errors at both sparsities."""
    return _both(budget, {"model": "lenet-5"}, (0.98, 0.99))


def _both(budget: Budget, net: dict[str, Any], sparsities: tuple[float, float]) -> Numbers:
    spec: dict[str, Any] = {"data": "mnist", "batch_size": 100, "epochs": budget.epochs}
    spec |= {"method": "snip", **net}
    found = {"dense, error %": errors(budget.seeds, "dense", **spec, sparsity=sparsities[0])}
    for sparsity in sparsities:
        found[f"{100 * sparsity:g} %, error %"] = errors(budget.seeds, **spec, sparsity=sparsity)
    return found
