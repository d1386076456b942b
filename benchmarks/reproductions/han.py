"""H: train, prune, retrain in rounds (Han et al. 2015, arXiv:1506.02626)."""

from __future__ import annotations

from typing import Any

from safetensors.torch import load_file

from benchmarks.reproduce_han import HAN, MNIST
from benchmarks.reproductions.row import Budget, Numbers, mean, per_seed, row
from benchmarks.reproductions.runs import Done, done, errors
from prunelab.artefacts import MASKS

SGD = "SGD, learning rate 0.05 falling by ten at half and at 80 %, batch 100"
FIVE = {"conv1": 0.34, "conv2": 0.88, "fc1": 0.92, "fc2": 0.81}  # removed: 66, 12, 8, 19 % stay
LENET_5: dict[str, Any] = {"data": "mnist", "model": "lenet-5", "batch_size": 100}


@row(
    "H-1",
    "Rounds of pruning and retraining, LeNet-300-100, 8 / 9 / 26 % of the layers kept",
    published="error 1.64 → 1.59 %, 12× fewer weights (tables 1 and 2)",
    accepted="error at most 0.15 points above dense, dense at most 1.9 %",
    budget=Budget(epochs=20),
    recipe=f"{SGD}; 5 rounds of 8 epochs",
    holds=lambda n: (
        mean(n, "pruned, error %") <= mean(n, "dense, error %") + 0.15
        and mean(n, "dense, error %") <= 1.9
    ),
)
def lenet_300_100(budget: Budget) -> Numbers:
    """Errors before and after."""
    found = [_rounds(seed, budget).result for seed in range(budget.seeds)]
    return {
        "dense, error %": [100 * (1 - r.dense["accuracy"]) for r in found],
        "pruned, error %": [100 * (1 - r.recovered["accuracy"]) for r in found],
        "times fewer weights": [1 / (1 - r.sparsity["achieved"]) for r in found],
    }


@row(
    "H-2",
    "The same on LeNet-5, 66 / 12 / 8 / 19 % of the layers kept",
    published="error 0.80 → 0.77 %, 12× fewer weights (tables 1 and 3)",
    accepted="error at most 0.10 points above dense and at most 1.0 %",
    budget=Budget(epochs=3),
    recipe=f"{SGD}; 2 rounds of 2 epochs",
    holds=lambda n: mean(n, "pruned, error %") <= min(mean(n, "dense, error %") + 0.10, 1.0),
    missing="the budget is short: the dense network is not trained to the end either",
)
def lenet_5(budget: Budget) -> Numbers:
    """Errors before and after."""
    more: dict[str, Any] = {"epochs": budget.epochs, "recover_epochs": 2}
    more |= {"method": "iterative-magnitude", "layers": FIVE, "knobs": {"rounds": 2}}
    found = [done(**LENET_5, **more, seed=seed).result for seed in range(budget.seeds)]
    return {
        "dense, error %": [100 * (1 - r.dense["accuracy"]) for r in found],
        "pruned, error %": [100 * (1 - r.recovered["accuracy"]) for r in found],
        "times fewer weights": [1 / (1 - r.sparsity["achieved"]) for r in found],
    }


@row(
    "H-3",
    "Which pixels keep their connections in H-1",
    published="bands of 28, an empty border (figure 4)",
    accepted="at least 3 times as many a pixel in the central 20 × 20 as around them",
    budget=Budget(epochs=20),
    recipe="the runs of H-1",
    holds=lambda n: mean(n, "weights a pixel, centre") >= 3 * mean(n, "weights a pixel, border"),
)
def pixels(budget: Budget) -> Numbers:
    """Weights of fc1 that stay, a pixel."""
    return per_seed(_pixels(_rounds(seed, budget)) for seed in range(budget.seeds))


@row(
    "H-4",
    "What retraining is worth at 95 %, LeNet-300-100",
    published="without retraining the accuracy breaks at a third of the weights (figure 5)",
    accepted="retraining gains at least 5 points",
    budget=Budget(epochs=20),
    recipe=f"{SGD}; magnitude at once, retrained for 10 epochs at a tenth of the rate, or not",
    holds=lambda n: mean(n, "not retrained, error %") - mean(n, "retrained, error %") >= 5,
    missing="longer dense training leaves weights that pruning at once hurts less",
)
def retraining(budget: Budget) -> Numbers:
    """Errors with and without."""
    spec: dict[str, Any] = {**MNIST, "method": "magnitude", "sparsity": 0.95}
    spec |= {"epochs": budget.epochs}
    return {
        "retrained, error %": errors(budget.seeds, **spec),
        "not retrained, error %": errors(budget.seeds, **spec, recover="none"),
    }


def _rounds(seed: int, budget: Budget) -> Done:
    spec: dict[str, Any] = {**MNIST, "epochs": budget.epochs, "recover_epochs": 8}
    return done(**spec, method="iterative-magnitude", layers=HAN, seed=seed)


def _pixels(run: Done) -> dict[str, float]:
    kept = load_file(run.folder / MASKS)["fc1"].float().sum(0).reshape(28, 28)
    centre = kept[4:24, 4:24]
    border = (kept.sum() - centre.sum()) / (28 * 28 - 20 * 20)
    return {
        "weights a pixel, centre": float(centre.mean()),
        "weights a pixel, border": float(border),
    }
