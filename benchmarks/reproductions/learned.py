"""V and Z: noise and gates that learn (Molchanov et al. 2017; Louizos et al. 2018)."""

from __future__ import annotations

from typing import Any

from torch import nn

from benchmarks.reproductions.row import Budget, Numbers, mean, per_seed, row
from benchmarks.reproductions.runs import Done, done, error
from prunelab.artefacts import load_model
from prunelab.probes import weights

RECIPE = "the method's own recipe (Adam), batch 100, from first values"
PARAMETERS = 430_500  # prunable weights of LeNet-5
BEHIND = 9 * 25 + 18 * 20 * 25 + 65 * 500 + 25 * 10  # weights behind open gates of 9-18-65-25
WIDTHS = (15, 25, 120, 100)  # accepted


@row(
    "V-1",
    "Sparse variational dropout, LeNet-300-100",
    published="68× fewer weights at 1.92 % error (Molchanov et al. 2017, table 1)",
    accepted="at least 40× at 2.2 % or less",
    budget=Budget(epochs=20),
    recipe=f"{RECIPE}; exactly 68× asked for",
    holds=lambda n: mean(n, "times fewer weights") >= 40 and mean(n, "error %") <= 2.2,
    missing="the paper trains for 200 epochs",
)
def lenet_300_100(budget: Budget) -> Numbers:
    """Error and compression."""
    return _noise(budget, {"model": "lenet-300-100"}, 68)


@row(
    "V-2",
    "Sparse variational dropout, LeNet-5",
    published="280× fewer weights at 0.75 % error, from a trained network (ibid.)",
    accepted="at least 120× at 1.1 % or less",
    budget=Budget(epochs=6),
    recipe=f"{RECIPE}; exactly 120× asked for",
    holds=lambda n: mean(n, "times fewer weights") >= 120 and mean(n, "error %") <= 1.1,
    missing="the paper trains for 200 epochs, from a trained network",
)
def lenet_5(budget: Budget) -> Numbers:
    """Error and compression."""
    return _noise(budget, {"model": "lenet-5"}, 120)


@row(
    "Z-2",
    "L0, LeNet-5: the architecture that is left",
    published="9-18-65-25, error 1.0 % (Louizos et al. 2018, arXiv:1712.01312, table 1)",
    accepted="at most 15-25-120-100 and 1.4 %",
    budget=Budget(epochs=6),
    recipe=f"{RECIPE}; a gate for each filter and each input of a linear layer; as many weights "
    "stay as are behind the open gates of the published network; only what is connected counts",
    holds=lambda n: (
        mean(n, "error %") <= 1.4
        and all(
            mean(n, name) <= most
            for name, most in zip(
                ("conv1", "conv2", "fc1 inputs", "fc2 inputs"), WIDTHS, strict=True
            )
        )
    ),
    missing="the paper trains for 200 epochs and prices each layer by itself; here one price holds "
    "for all weights, and the layers share what stays by one ranking",
)
def gates(budget: Budget) -> Numbers:
    """Error, and what is still connected."""
    spec: dict[str, Any] = {"data": "mnist", "model": "lenet-5", "batch_size": 100}
    spec |= {"epochs": budget.epochs, "method": "l0", "sparsity": 1 - BEHIND / PARAMETERS}
    spec |= {"knobs": {"gates": "group"}}
    found = (done(**spec, seed=seed) for seed in range(budget.seeds))
    return per_seed({"error %": error(run.result), **_widths(run)} for run in found)


def _noise(budget: Budget, net: dict[str, Any], times: int) -> Numbers:
    spec: dict[str, Any] = {"data": "mnist", "batch_size": 100, "epochs": budget.epochs, **net}
    spec |= {"method": "variational-dropout", "sparsity": 1 - 1 / times}
    found = [done(**spec, seed=seed).result for seed in range(budget.seeds)]
    return {
        "error %": [error(result) for result in found],
        "times fewer weights": [1 / (1 - result.sparsity["achieved"]) for result in found],
    }


def _widths(run: Done) -> dict[str, float]:
    """Filters and inputs that something still reads."""
    net: nn.Module = load_model(run.folder)
    conv1, conv2, fc1, fc2 = (w.detach() != 0 for w in weights(net).values())
    inputs = fc1.any(0)
    return {
        "conv1": int((conv1.flatten(1).any(1) & conv2.any((0, 2, 3))).sum()),
        "conv2": int((conv2.flatten(1).any(1) & inputs.reshape(len(conv2), -1).any(1)).sum()),
        "fc1 inputs": int(inputs.sum()),
        "fc2 inputs": int(fc2.any(0).sum()),
    }
