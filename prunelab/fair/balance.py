"""Finding the balance: the largest sparsity whose loss stays within what one tolerates."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from prunelab.speech import _

CONFIDENCE = 0.95
FINEST = 0.005  # of sparsity; finer steps say nothing
Lost = Callable[[float], Mapping[int, float]]


class Try(NamedTuple):
    """One sparsity with several seeds: what accuracy is lost, and whether that is tolerable."""

    sparsity: float
    lost: float  # mean over seeds
    most: float  # upper end of the one-sided interval: no more is lost, with this confidence
    seeds: int
    holds: bool


class Balance(NamedTuple):
    """The largest sparsity found that holds, with everything that was tried on the way."""

    sparsity: float  # 0 where none of those tried holds
    tolerated: float
    confidence: float
    tries: tuple[Try, ...]  # in order of sparsity

    def __str__(self) -> str:
        if not self.sparsity:
            return _(
                "No sparsity that was tried loses at most {tolerated:g} points.",
                tolerated=100 * self.tolerated,
            )
        found = next(t for t in self.tries if t.sparsity == self.sparsity)
        return _(
            "{sparsity:.1f} % can go: {lost:+.2f} points lost, the mean of {seeds} "
            "seeds, at most {most:.2f} with {confidence:g} % confidence.",
            sparsity=100 * self.sparsity, lost=100 * found.lost, seeds=found.seeds,
            most=100 * found.most, confidence=100 * self.confidence,
        )  # fmt: skip


def balance(
    lost: Lost,
    tolerated: float,
    *,
    low: float = 0.5,
    high: float = 0.99,
    steps: int = 6,
    confidence: float = CONFIDENCE,
) -> Balance:
    """Bisect for the largest sparsity that holds.

    A sparsity holds if the upper end of a one-sided t-interval of the loss over seeds is at most
    what is tolerated. Steps are even in compression (left, halved again and again), the scale on
    which networks break. ``low`` and ``high`` are tried first: a balance outside is said so.

    Args:
        lost: accuracy lost at a sparsity, by seed (validation data: they choose).
        tolerated: accuracy one would give, as a share.
        low: the least sparsity that is looked at.
        high: the largest.
        steps: how often the range is halved.
        confidence: of the one-sided interval.

    Raises:
        ValueError: a range or a number of seeds that cannot be searched.
    """
    if not 0 < low < high < 1:
        raise ValueError(f"The range must be 0 < low < high < 1, got {low!r} to {high!r}.")
    tries = {s: tried(s, lost(s), tolerated, confidence) for s in (low, high)}
    if tries[low].holds and not tries[high].holds:
        ends = (low, high)
        for _step in range(steps):
            middle = round(1 - math.sqrt((1 - ends[0]) * (1 - ends[1])), 4)
            if min(middle - ends[0], ends[1] - middle) < FINEST / 2:
                break
            tries[middle] = tried(middle, lost(middle), tolerated, confidence)
            ends = (middle, ends[1]) if tries[middle].holds else (ends[0], middle)
    good = [t.sparsity for t in tries.values() if t.holds]
    ordered = tuple(tries[s] for s in sorted(tries))
    return Balance(_unbroken(ordered) if good else 0.0, tolerated, confidence, ordered)


def _unbroken(tries: Sequence[Try]) -> float:
    """The largest that holds while all below hold too: one lucky step beyond the cliff is none."""
    found = 0.0
    for one in tries:
        if not one.holds:
            break
        found = one.sparsity
    return found


def tried(sparsity: float, lost: Mapping[int, float], tolerated: float, confidence: float) -> Try:
    """One sparsity judged by what each seed lost there.

    Raises:
        ValueError: fewer than two seeds.
    """
    from scipy.special import stdtrit  # a tenth of a second that other pages save

    n = len(lost)
    if n < 2:
        raise ValueError(f"A confidence needs two seeds or more, got {n}.")
    values = list(lost.values())
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    most = mean + float(stdtrit(n - 1, confidence)) * sd / math.sqrt(n)
    return Try(sparsity, mean, most, n, holds=most <= tolerated)
