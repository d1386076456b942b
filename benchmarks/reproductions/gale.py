"""G: five ways to a sparse network at equal budget (Gale et al. 2019, arXiv:1902.09574)."""

from __future__ import annotations

from benchmarks.reproductions.row import Budget, Numbers, mean, row
from benchmarks.reproductions.runs import done, error
from prunelab.presets import PRESETS, specs

GALE = PRESETS["gale"]
DENSE = "dense, error %"


def quantity(method: str, sparsity: float) -> str:
    """What the error of a method at a sparsity is called among the numbers."""
    return f"{method} at {100 * sparsity:g} %, error %"


def random_is_worst(numbers: Numbers) -> bool:
    """At every sparsity from 90 % on, by the means."""
    return all(
        mean(numbers, quantity("random", s))
        > max(mean(numbers, quantity(m, s)) for m in GALE.methods if m != "random")
        for s in GALE.sparsity
        if s >= 0.9
    )


@row(
    "G-1",
    "Random, gradual magnitude, variational dropout, L0 and RigL at equal budget, digits",
    published="on ImageNet at 98 %: variational dropout 67.4, magnitude 57.9, random 44.0",
    accepted="random worst at 90 % and above",
    budget=Budget(seeds=GALE.seeds, epochs=30),
    recipe="the preset `gale`: LeNet-300-100, each method's own recipe",
    holds=random_is_worst,
    missing="at 90 % variational dropout is behind random pruning: on few examples its noise costs "
    "accuracy, the same at every sparsity; from 95 % on random is worst",
)
def comparison(budget: Budget) -> Numbers:
    """Test error of each method at each sparsity."""
    fields = {"data": "digits", "epochs": budget.epochs, "seed": range(budget.seeds)}
    found: dict[str, list[float]] = {}
    for spec in specs("gale", fields):
        result = done(**vars(spec)).result
        found.setdefault(quantity(spec.method, spec.sparsity), []).append(error(result))
        if spec.sparsity == GALE.sparsity[0] and spec.method == "random":
            found.setdefault(DENSE, []).append(error(result, "dense"))
    return found
