"""O: orderings that are stable on small data."""

from __future__ import annotations

import itertools

from benchmarks.reproductions.row import Budget, Numbers, mean, row
from benchmarks.reproductions.runs import errors

METHODS: dict[str, dict[str, str]] = {
    "random, uniform": {"method": "random", "recover": "rewind"},
    "random, Erdős-Rényi-kernel": {"method": "static"},
    "magnitude before training": {"method": "magnitude-at-init"},
    "SNIP": {"method": "snip"},
    "iterative SNIP": {"method": "iterative-snip"},
    "FORCE": {"method": "force"},
    "GraSP": {"method": "grasp"},
    "SynFlow": {"method": "synflow"},
    "SET": {"method": "set"},
    "RigL": {"method": "rigl"},
    "magnitude after training, uniform": {"method": "magnitude", "scope": "uniform"},
    "magnitude after training, global": {"method": "magnitude", "scope": "global"},
    "gradual magnitude, global": {"method": "gradual-magnitude", "scope": "global"},
    "lottery ticket": {"method": "lottery-ticket"},
    "movement": {"method": "movement"},
    "soft movement": {"method": "soft-movement"},
    "variational dropout": {"method": "variational-dropout"},
    "L0": {"method": "l0"},
}
BY_DATA = ("SNIP", "iterative SNIP", "FORCE", "GraSP", "SynFlow")
ORDER = [  # the first is worse than the second by far more than their spread
    ("random, uniform", "random, Erdős-Rényi-kernel"),
    ("random, Erdős-Rényi-kernel", "SET"),
    ("SET", "RigL"),
    ("magnitude after training, uniform", "magnitude after training, global"),
    ("magnitude before training", "SNIP"),
    *itertools.product(["random, uniform"], BY_DATA),
]


@row(
    "O-1",
    "Methods on digits at 98 %, LeNet-300-100: random uniform worse than random by "
    "Erdős-Rényi-kernel, that than SET, that than RigL; magnitude uniform worse than global, at "
    "initialisation worse than SNIP; random worse than every score at initialisation",
    published="orders the papers report on larger networks",
    accepted="the means in this order",
    budget=Budget(seeds=5, epochs=30),
    recipe="the default recipe of the model; the test part has 360 images, one is 0.28 points",
    holds=lambda n: all(
        mean(n, f"{worse}, error %") > mean(n, f"{better}, error %") for worse, better in ORDER
    ),
    missing="neighbours in this order lie within each other's spread",
)
def orderings(budget: Budget) -> Numbers:
    """Test error of every method."""
    return {
        f"{name}, error %": errors(
            budget.seeds, data="digits", sparsity=0.98, epochs=budget.epochs, **changes
        )
        for name, changes in METHODS.items()
    }
