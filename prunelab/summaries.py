"""Results in a table of means, and one result in a sentence."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from prunelab import figures
from prunelab.events import Result
from prunelab.figures.means import Point, points


def summary(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Accuracy on the test part by method and sparsity: mean, sample deviation, number of seeds.

    Runs of one method that differ in more than the seed are several lines, named by what differs.
    """
    groups: dict[tuple[str, float], list[Point]] = {}
    for point in points(results):
        groups.setdefault((point.series, point.asked), []).append(point)
    rows = []
    for (method, asked), found in sorted(groups.items()):
        after = [p.accuracy for p in found]
        rows.append(
            {
                "method": method,
                "asked": asked,
                "sparsity": statistics.fmean(p.sparsity for p in found),
                "accuracy": statistics.fmean(after),
                "sd": statistics.stdev(after) if len(after) > 1 else None,
                "seeds": len(after),
                "dense": statistics.fmean(p.dense for p in found),
            }
        )
    return rows


def sentence(result: Result) -> str:
    """What came out, in words."""
    if result.status != "finished":
        return f"{result.status} {result.reason}".strip()
    gone = figures.percent(result.sparsity["achieved"])
    before, after = (figures.accuracy(s["accuracy"]) for s in (result.dense, result.recovered))
    return f"{gone} of {result.sparsity['of']:,} {result.unit} gone, accuracy {before} → {after}"
