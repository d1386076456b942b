"""A search over real runs for the largest sparsity that one can afford."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from prunelab import fair
from prunelab.events import Result
from prunelab.fair.balance import CONFIDENCE
from prunelab.notebook import Run, Sweep, run
from prunelab.spec import RunSpec


class Step(NamedTuple):
    """How far a search is: what it found so far, and the runs it needs to go on (none: done)."""

    found: fair.Balance
    wanted: tuple[RunSpec, ...]


class _Wanted(Exception):
    """Runs the search needs before it can go on."""


def step(base: RunSpec, seeds: Iterable[int], done: Mapping[str, Result], **search: Any) -> Step:
    """Go on with a search as far as the runs that are there allow.

    ``done`` are finished runs by key; ``search`` is what ``fair.balance`` takes: tolerated, low,
    high, steps, confidence. The same runs give the same steps, so a search has no state of its own.

    Raises:
        ValueError: as ``fair.balance``.
    """
    chosen, tried = list(seeds), []

    def lost(sparsity: float) -> dict[int, float]:
        specs = {one: replace(base, sparsity=sparsity, seed=one) for one in chosen}
        if missing := [spec for spec in specs.values() if spec.key not in done]:
            raise _Wanted(*missing)
        gaps = {one: _lost(done[spec.key]) for one, spec in specs.items()}
        tried.append(fair.tried(sparsity, gaps, search["tolerated"], confidence))
        return gaps

    confidence = search.setdefault("confidence", CONFIDENCE)
    try:
        return Step(fair.balance(lost, **search), ())
    except _Wanted as wanted:
        told = tuple(sorted(tried))
        partial = fair.Balance(0.0, search["tolerated"], confidence, told)
        return Step(partial, tuple(wanted.args))


def _lost(result: Result) -> float:
    """Validation accuracy that pruning cost: it chooses, so test data must not."""
    before, after = result.dense, result.recovered
    return float(before["validation_accuracy"] - after["validation_accuracy"])


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
            gaps[one] = _lost(ended.result)
        return gaps

    found = fair.balance(lost, tolerated, low=low, high=high, steps=steps, confidence=confidence)
    return found, Sweep(tuple(done))
