"""A search over real runs for the largest sparsity that one can afford."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prunelab import fair
from prunelab.fair.balance import CONFIDENCE
from prunelab.notebook import Run, Sweep, run


def balance(
    *,
    tolerated: float,
    seed: Iterable[int] = range(3),
    low: float = 0.5,
    high: float = 0.99,
    steps: int = 6,
    confidence: float = CONFIDENCE,
    progress: bool = True,
    **fields: Any,
) -> tuple[fair.Balance, Sweep]:
    """Find the largest sparsity that loses no more accuracy than is tolerated; and its runs.

    Runs that are stored are not run again, so a finer search goes on where the last one ended.
    Validation accuracy chooses; the runs have their test accuracy, touched once each.

    Args:
        tolerated: accuracy one would give, as a share: 0.01 is one point.
        seed: of each sparsity; more seeds, a tighter bound.
        low: the least sparsity that is looked at.
        high: the largest.
        steps: how often the range is halved.
        confidence: that no more is lost.
        progress: show a bar for each run.
        fields: of RunSpec: data, model, method, epochs...

    Raises:
        SpecError: a spec that cannot run.
        RuntimeError: a run failed.
        ValueError: a range or a number of seeds that cannot be searched.
    """
    seeds, done = list(seed), []

    def lost(sparsity: float) -> dict[int, float]:
        gaps = {}
        for one in seeds:
            ended: Run = run(sparsity=sparsity, seed=one, progress=progress, **fields)
            done.append(ended)
            before, after = ended.result.dense, ended.result.recovered
            gaps[one] = before["validation_accuracy"] - after["validation_accuracy"]
        return gaps

    found = fair.balance(lost, tolerated, low=low, high=high, steps=steps, confidence=confidence)
    return found, Sweep(tuple(done))
