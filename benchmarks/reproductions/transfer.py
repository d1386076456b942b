"""M: movement against magnitude where the task changes (Sanh et al. 2020, arXiv:2005.07683)."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
from torch import nn

from benchmarks.reproductions import transformer
from benchmarks.reproductions.pictures import own
from benchmarks.reproductions.row import Budget, Numbers, mean, row
from benchmarks.reproductions.runs import done, error
from prunelab.artefacts import DENSE
from prunelab.datasets.mnist import mnist
from prunelab.files import keep_file
from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import method

LEFT = (10, 5, 3)  # % of the weights of the encoder
EPOCHS = 30  # of the second task


@row(
    "M-1",
    "Movement against magnitude under transfer, a tiny transformer: upright digits, then the same "
    "digits of other writers turned by 90° under other names",
    published="SQuAD at 10 %: F1 84.3 against 80.1; at 3 %: 78.0 against 59.6",
    accepted="movement not below magnitude at 5 and 3 % of the weights",
    budget=Budget(seeds=5, epochs=4),
    recipe=f"Adam, learning rate 0.001 falling by ten at half and at 80 %, batch 100; {EPOCHS} "
    "epochs of the second task (6,000 images) while the encoder is pruned along the same cubic "
    "curve, the same share of every matrix; soft movement ranks all matrices together",
    holds=lambda n: all(
        mean(n, f"movement, {left} % left, error %")
        <= mean(n, f"magnitude, {left} % left, error %")
        for left in (5, 3)
    ),
    missing="at 5 % hard movement, whose scores are plain sums here, lags behind magnitude; soft "
    "movement does not",
)
def transfer(budget: Budget) -> Numbers:
    """Test error on the second task."""
    methods = {
        "magnitude": fine_magnitude(),
        "movement": "movement",
        "soft movement": "soft-movement",
    }
    return {
        f"{words}, {left} % left, error %": [
            _second(seed, budget, method=name, left=left) for seed in range(budget.seeds)
        ]
        for left in LEFT
        for words, name in methods.items()
    }


def _second(seed: int, budget: Budget, *, method: str, left: int) -> float:
    spec: dict[str, Any] = {"data": "arrays", "data_knobs": {"file": _turned()}}
    spec |= {"model": transformer.shelve(), "weights": _pretrained(seed, budget), "seed": seed}
    share = 1 - left / 100
    layers = dict.fromkeys(transformer.ENCODER, share)
    more: dict[str, Any] = {"method": method, "sparsity": share, "layers": layers}
    return error(done(**spec, **more, epochs=EPOCHS if budget.epochs > 1 else 1).result)


def _pretrained(seed: int, budget: Budget) -> str:
    """The weights after MNIST, as a file of one's own."""
    spec: dict[str, Any] = {"data": "mnist", "model": transformer.shelve(), "sparsity": 0.0}
    run = done(**spec, recover="none", epochs=budget.epochs, seed=seed)
    return keep_file(os.fspath(run.folder / DENSE))


@functools.cache
def _turned() -> str:
    """The 10,000 digits that pretraining never sees, turned, their classes in another order."""
    test = mnist().test
    assert test is not None
    order = np.random.default_rng(0).permutation(10)
    return own(np.rot90(test.x[:, 0], axes=(1, 2)), order[test.y])


@functools.cache
def fine_magnitude() -> str:
    """Gradual magnitude that starts from the trained weights, as the paper's baseline; its name."""

    @method(
        unit="weights",
        when="training",
        schedule="cubic",
        scope="uniform",
        recover="none",
        start="trained",
        needs={"network"},
    )
    def fine_magnitude(net: nn.Module, data: object) -> Scores:
        """Prune the smallest weights along a cubic curve while training on from given weights."""
        return {name: w.detach().abs() for name, w in weights(net).items()}

    return "fine-magnitude"
