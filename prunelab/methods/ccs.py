"""Coverage-centric coresets: every stratum of difficulty, but the hardest left out."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prunelab.masks import Scores, removed
from prunelab.rating.difficulty import by_class
from prunelab.rating.margins import margins
from prunelab.rating.watching import Watched
from prunelab.registry import Range, method

Numbers = NDArray[np.float64]


@method(
    unit="examples",
    paper="Zheng et al. 2023, arXiv:2210.15809",
    label="drawn from its stratum",
    watch="runs",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp",),
    needs={"network"},
)
def ccs(  # noqa: PLR0913 - each is a knob
    net: Any,
    data: Any,
    *,
    watched: list[Watched],
    seed: int,
    sparsity: float,
    beta: Annotated[
        float, Range(-1, 0.9, 0.05), "share of the hardest left out; −1: by what is kept"
    ] = -1.0,
    strata: Annotated[int, Range(2, 200), "strata of equal width"] = 50,
    runs: Annotated[int, Range(1, 10), "trainings to average over"] = 1,
    share: Annotated[float, Range(0.05, 1, 0.05), "share of a training to watch"] = 1.0,
) -> Scores:
    """Keep examples of every difficulty, drawn evenly, but none of the hardest.

    The beta hardest by the area under the margin go. The rest is cut into strata of equal width of
    that score; the budget is given out from the smallest stratum on, each at most its fair share of
    what is left, and drawn at random inside. By itself beta is 0.3 at 10 % kept and less, 0.2 at
    20 %, 0.1 at 30 %, 0 at 50 % and more.
    Fidelity: the score is the area under the margin of logits; more than is left above beta cannot
    be kept, so beta shrinks to what is removed.
    """
    score = margins(watched, data.train.y)
    keep = len(score) - removed(sparsity, len(score))
    out = min(_beta(1 - sparsity) if beta < 0 else beta, sparsity)
    return by_class(_drawn(score, keep, out, strata, seed), data)


def _beta(kept: float) -> float:
    return float(np.interp(kept, [0.1, 0.2, 0.3, 0.5], [0.3, 0.2, 0.1, 0.0]))


def _drawn(score: Numbers, keep: int, out: float, strata: int, seed: int) -> Numbers:
    """1 to 2 for the rows drawn, 0 to 1 for the others, below 0 for those left out."""
    random = np.random.default_rng(seed)
    chance = random.random(len(score))
    hardest = np.argsort(score, kind="stable")[: int(out * len(score))]
    rest = np.setdiff1d(np.arange(len(score)), hardest)
    chance[hardest] -= 1
    edges = np.linspace(score[rest].min(), score[rest].max(), strata + 1)[1:-1]
    stratum = np.digitize(score[rest], edges)
    for number, budget in budgets(np.bincount(stratum, minlength=strata), keep).items():
        inside = rest[stratum == number]
        chance[inside[np.argsort(-chance[inside], kind="stable")[:budget]]] += 1
    return chance


def budgets(sizes: NDArray[np.int64], keep: int) -> dict[int, int]:
    """How many to draw from each stratum that holds any: an even share, small ones first.

    >>> budgets(np.array([1, 0, 5, 9]), 9)
    {0: 1, 2: 4, 3: 4}
    """
    there = [int(i) for i in np.argsort(sizes, kind="stable") if sizes[i]]
    found = {}
    for place, number in enumerate(there):
        found[number] = min(int(sizes[number]), keep // (len(there) - place))
        keep -= found[number]
    return found
