"""Runs on common axes: what each costs and what it can, one row a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from prunelab.events import Result
from prunelab.fair.front import Axis
from prunelab.figures.effort import effort
from prunelab.figures.means import points
from prunelab.spec import SpecError, unknown

NAN = float("nan")


def _at(values: Mapping[str, Any], *names: str) -> float:
    """A number inside, or NaN where it was not measured."""
    found: Any = values
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return NAN if found is None else float(found)


def _ratio(result: Result) -> float:
    left = _at(result.recovered, "nonzero")
    return _at(result.dense, "nonzero") / left if left else NAN


def _least(result: Result) -> float:
    forms = result.recovered.get("bytes") or {}
    return float(min(forms.values())) if forms else NAN


def _trained(result: Result) -> float:
    found = effort(result)
    return NAN if found is None else found.total


AXES: dict[str, Axis] = {
    "sparsity": Axis(
        "sparsity: share of units removed", lambda r: _at(r.sparsity, "achieved"), more=True
    ),
    "compression": Axis("compression: dense parameters / left", _ratio, log=True, more=True),
    "parameters": Axis("parameters left", lambda r: _at(r.recovered, "nonzero"), log=True),
    "multiply-adds": Axis(
        "multiply-adds for one example, of the model one ships",
        lambda r: _at(r.recovered, "macs", "shipped"),
        log=True,
    ),
    "multiply-adds, zeros free": Axis(
        "multiply-adds for one example, if zeros were free",
        lambda r: _at(r.recovered, "macs", "ideal"),
        log=True,
    ),
    "splits": Axis("splits an example passes", lambda r: _at(r.recovered, "mean_path")),
    "bytes": Axis("bytes on disk, smallest form measured", _least, log=True),
    "training": Axis("FLOPs of all training (scoring not counted)", _trained, log=True),
    "latency": Axis(
        "ms for a batch, timed (median)", lambda r: _at(r.recovered, "latency_ms", "median")
    ),
}
QUALITIES: dict[str, Axis] = {
    "accuracy": Axis("accuracy on test data", lambda r: _at(r.recovered, "accuracy"), more=True),
    "accuracy lost": Axis(
        "accuracy lost against the same run's dense model",
        lambda r: _at(r.dense, "accuracy") - _at(r.recovered, "accuracy"),
    ),
    "loss": Axis("loss on test data (nats)", lambda r: _at(r.recovered, "loss")),
}
HEAD = ["key", "subject", "series", "method", "asked", "seed", *AXES, *QUALITIES, "dense"]


def axis(name: str) -> Axis:
    """An axis or a quality by its name.

    Raises:
        SpecError: there is none of that name.
    """
    known = {**AXES, **QUALITIES}
    if name not in known:
        raise SpecError(unknown("axis", name, known))
    return known[name]


def by_series(
    results: Sequence[Result], sparsity: float | None = None
) -> tuple[dict[str, list[Result]], list[str]]:
    """The runs of each series at one sparsity (the highest that all share), and their classes.

    Raises:
        ValueError: no sparsity at which every series has run.
    """
    found = {p.key: p for p in points(results) if p.asked}
    every = {p.series for p in found.values()}
    at = {p.asked: {q.series for q in found.values() if q.asked == p.asked} for p in found.values()}
    shared = [asked for asked, there in at.items() if there == every]
    if sparsity is None and not shared:
        raise ValueError("There is no sparsity that every method here has run.")
    chosen = max(shared) if sparsity is None else sparsity
    groups: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda r: found[r.key].seed if r.key in found else 0):
        if result.key in found and found[result.key].asked == chosen:
            groups.setdefault(found[result.key].series, []).append(result)
    classes = next((list(r.settings.get("classes", ())) for rs in groups.values() for r in rs), [])
    return groups, classes


def table(results: Iterable[Result]) -> pd.DataFrame:
    """One row a finished run: what it is, every cost and every quality; NaN was not measured."""
    done = [r for r in results if r.status == "finished"]
    by_key = {r.key: r for r in done}
    rows = []
    for point in points(done):
        result = by_key[point.key]
        axes = {name: axis.value(result) for name, axis in {**AXES, **QUALITIES}.items()}
        who = {name: getattr(point, name) for name in ("key", "subject", "series", "method")}
        rows.append({**who, "asked": point.asked, "seed": point.seed, **axes, "dense": point.dense})
    return pd.DataFrame(rows, columns=HEAD)
