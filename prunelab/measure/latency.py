"""How long a prediction takes: candidates timed in turn, with an interval."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

WARM_UP = 5
RUNS = 25
LEAST = 7  # fewer tell no 95 % interval of a median
SECONDS = 1.0  # at most so long for all candidates together


def latency(candidates: Mapping[str, Callable[[], object]]) -> dict[str, dict[str, Any]]:
    """Median milliseconds of each candidate with a 95 % interval of that median.

    The candidates take turns in shuffled order, so that a machine that slows down slows all alike.
    The interval is by order statistics: no assumption on the shape of the noise.
    """
    for call in candidates.values():
        for _ in range(WARM_UP):
            call()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    order = list(candidates)
    shuffle = random.Random(0)
    end = time.perf_counter() + SECONDS
    while len(times[order[0]]) < RUNS and (
        time.perf_counter() < end or len(times[order[0]]) < LEAST
    ):
        shuffle.shuffle(order)
        for name in order:
            start = time.perf_counter()
            candidates[name]()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: _interval(values) for name, values in times.items()}


def _interval(values: list[float]) -> dict[str, Any]:
    ordered = np.sort(values)
    n = len(ordered)
    reach = int(np.ceil(0.98 * np.sqrt(n)))  # 1.96 √(n/4) ranks either side of the middle
    low, high = max(0, (n - 1) // 2 - reach), min(n - 1, n // 2 + reach)
    return {
        "median": float(np.median(ordered)),
        "low": float(ordered[low]),
        "high": float(ordered[high]),
        "runs": n,
    }
