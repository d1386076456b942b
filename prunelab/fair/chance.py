"""Which differences are beyond chance: paired by seed, corrected for how many are looked at."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import pandas as pd

LEVEL = 0.05
POWER = 0.8
RESAMPLES = 9999


class Compared(NamedTuple):
    """One series against another at one sparsity, seed by seed, in shares of accuracy."""

    series: str
    other: str
    asked: float
    mean: float  # how far ahead
    low: float  # 95 % t-interval of the paired differences
    high: float
    p: float  # of the paired t-test
    holm: float  # the same after Holm's correction over all comparisons
    seeds: int
    detectable: float  # the gap that so many seeds would find in 4 of 5 cases

    @property
    def said(self) -> str:
        """What it means: ahead, behind, or not to be told."""
        if self.seeds < 2:
            return "one seed cannot tell"
        if self.holm < LEVEL:
            return "ahead" if self.mean > 0 else "behind"
        return "no difference found"


class Overall(NamedTuple):
    """One series against another over all sparsities they share: the mean gap, bootstrapped."""

    series: str
    other: str
    mean: float
    low: float
    high: float
    seeds: int
    points: int
    level: float  # of the interval, after Bonferroni


def compared(
    rows: pd.DataFrame, other: str, *, value: str = "accuracy", more: bool = True
) -> list[Compared]:
    """Every series against one of them at every sparsity they share, by a paired t-test.

    ``rows`` is a table of runs (``prunelab.fair.table``) of one subject. Seeds are pairs: the same
    first values and the same order of the examples. ``more``: more of the value is better.
    """
    raw = [
        _tested(series, other, float(asked), gaps)
        for series, at in _gaps(rows, other, value, 1 if more else -1).items()
        for asked, gaps in at.items()
    ]
    ps = holm([one.p for one in raw])
    return [one._replace(holm=p) for one, p in zip(raw, ps, strict=True)]


def overall(
    rows: pd.DataFrame, other: str, *, value: str = "accuracy", more: bool = True
) -> list[Overall]:
    """The mean gap over all shared sparsities of each series, with a paired bootstrap of seeds.

    Whole seeds are drawn, so that what one seed does at several sparsities stays together. The
    level is shared out over the comparisons (Bonferroni). At least two seeds; with fewer than five
    a bootstrap is too sure of itself, so the t-interval of the same gaps is used where it is wider.
    """
    found = []
    gaps = _gaps(rows, other, value, 1 if more else -1)
    level = LEVEL / max(1, len(gaps))
    for series, at in gaps.items():
        seeds = set.intersection(*(set(by_seed) for by_seed in at.values()))
        means = [statistics.fmean(by_seed[s] for by_seed in at.values()) for s in sorted(seeds)]
        if means:
            mean = statistics.fmean(means)
            low, high = _bootstrapped(means, level)
            found.append(Overall(series, other, mean, low, high, len(means), len(at), 1 - level))
    return found


def _gaps(
    rows: pd.DataFrame, other: str, value: str, sign: int
) -> dict[str, dict[float, dict[int, float]]]:
    """How far ahead each series is, by sparsity and seed, where both have run."""
    wide = rows.pivot_table(index=["asked", "seed"], columns="series", values=value)
    found: dict[str, dict[float, dict[int, float]]] = {}
    if other not in wide:
        return found
    for series in wide.columns.drop(other):
        ahead = sign * (wide[series] - wide[other]).dropna()
        for place, gap in ahead.items():
            asked, seed = cast("tuple[float, int]", place)
            found.setdefault(str(series), {}).setdefault(asked, {})[seed] = float(gap)
    return found


def _tested(series: str, other: str, asked: float, gaps: Mapping[int, float]) -> Compared:
    from scipy import stats  # half a second that a page without a comparison saves

    ahead = list(gaps.values())
    mean, n = statistics.fmean(ahead), len(ahead)
    if n < 2:
        return Compared(series, other, asked, mean, -math.inf, math.inf, 1.0, 1.0, n, math.inf)
    sd = statistics.stdev(ahead)
    if sd == 0:  # the same gap in every seed: no spread to judge it by
        return Compared(series, other, asked, mean, mean, mean, 1.0, 1.0, n, math.inf)
    test = stats.ttest_1samp(ahead, 0.0)
    ends = test.confidence_interval(1 - LEVEL)
    p = float(test.pvalue)
    low, high = float(ends.low), float(ends.high)
    return Compared(series, other, asked, mean, low, high, p, p, n, detectable(sd, n))


def _bootstrapped(gaps: Sequence[float], level: float) -> tuple[float, float]:
    import numpy as np
    from scipy import stats

    n = len(gaps)
    if n < 2:
        return -math.inf, math.inf
    if len(set(gaps)) == 1:
        return gaps[0], gaps[0]
    ends = stats.bootstrap(
        (np.asarray(gaps),), np.mean, confidence_level=1 - level, n_resamples=RESAMPLES,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    low, high = float(ends.low), float(ends.high)
    if n < 5:
        t = stats.ttest_1samp(gaps, 0.0).confidence_interval(1 - level)
        low, high = min(low, float(t.low)), max(high, float(t.high))
    return low, high


def holm(ps: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=ps.__getitem__)
    found, worst = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[place]))
        found[place] = worst
    return found


def detectable(sd: float, seeds: int) -> float:
    """The gap that a paired t-test finds in 4 of 5 cases, from the spread of the differences.

    >>> round(detectable(1.0, 10), 2)
    1.0
    """
    from scipy import special

    if seeds < 2 or not sd:
        return math.inf
    edge = special.stdtrit(seeds - 1, 1 - LEVEL / 2)
    return float(sd * special.nctdtrinc(seeds - 1, 1 - POWER, edge) / math.sqrt(seeds))
