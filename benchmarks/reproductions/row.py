"""A row: what a paper says, what is accepted here, and the function that measures it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Numbers = Mapping[str, Sequence[float]]  # what was measured: one number a seed


class Budget(NamedTuple):
    """How much a row may cost."""

    seeds: int = 3
    epochs: int = 0  # of the dense training; 0 where nothing trains


@dataclass(frozen=True, kw_only=True)
class Row:
    """One claim. ``holds`` reads the numbers; ``missing`` says why where it does not."""

    name: str
    claim: str
    published: str
    accepted: str
    budget: Budget
    recipe: str
    measure: Callable[[Budget], Numbers]
    holds: Callable[[Numbers], bool]
    missing: str


ROWS: dict[str, Row] = {}
THREE = Budget()


def row(  # noqa: PLR0913 - each is one column of the report
    name: str,
    claim: str,
    *,
    published: str,
    accepted: str,
    holds: Callable[[Numbers], bool],
    budget: Budget = THREE,
    recipe: str = "nothing is trained",
    missing: str = "",
) -> Callable[[Callable[[Budget], Numbers]], Callable[[Budget], Numbers]]:
    """Register a function that measures as a row of the report."""

    def register(measure: Callable[[Budget], Numbers]) -> Callable[[Budget], Numbers]:
        ROWS[name] = Row(
            name=name,
            claim=claim,
            published=published,
            accepted=accepted,
            budget=budget,
            recipe=recipe,
            measure=measure,
            holds=holds,
            missing=missing,
        )
        return measure

    return register


def mean(numbers: Numbers, name: str) -> float:
    """Over the seeds."""
    return statistics.fmean(numbers[name])


def per_seed(found: Iterable[Mapping[str, float]]) -> Numbers:
    """One dictionary a seed to one list a quantity."""
    listed = list(found)
    return {name: [numbers[name] for numbers in listed] for name in listed[0]}
