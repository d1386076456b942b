"""Runs as points, points as lines: what belongs to one method, one mean and one spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prunelab.events import Result
from prunelab.spec import RunSpec

SUBJECT = ("data", "data_knobs", "model", "model_knobs")  # runs on others cannot share a mean
DIFFERS = (
    "layers",
    "scope",
    "floor",
    "recover",
    "recover_epochs",
    "epochs",
    "lr",
    "batch_size",
    "optimizer",
    "knobs",
    "examples_method",
    "examples_sparsity",
    "examples_knobs",
)


class Point(NamedTuple):
    """One finished run on the plot."""

    key: str
    method: str
    series: str
    subject: str
    sparsity: float
    asked: float
    seed: int
    accuracy: float
    dense: float


class Line(NamedTuple):
    """One method: the mean over its seeds at each sparsity, ``spread`` where there are several."""

    series: str
    method: str
    sparsity: list[float]
    mean: list[float]
    spread: list[float]
    seeds: list[int]


def points(results: Iterable[Result]) -> list[Point]:
    """The runs with an accuracy. What differs besides the seed makes several lines of a method."""
    done = [(RunSpec.from_json(r.spec), r) for r in results if _accuracy(r.recovered) is not None]
    names = _series([spec for spec, _ in done])
    return [
        Point(
            key=result.key,
            method=spec.method,
            series=series,
            subject=str([getattr(spec, name) for name in SUBJECT]),
            sparsity=result.sparsity["achieved"],
            asked=spec.sparsity,
            seed=spec.seed,
            accuracy=_accuracy(result.recovered) or 0.0,
            dense=_accuracy(result.dense) or float("nan"),
        )
        for (spec, result), series in zip(done, names, strict=True)
    ]


def _accuracy(values: Mapping[str, Any]) -> float | None:
    value: float | None = values.get("accuracy", values.get("validation_accuracy"))
    return value


def _series(specs: Sequence[RunSpec]) -> list[str]:
    """The method's name of each, and what tells its line from others of the same method."""
    of_method: dict[str, list[RunSpec]] = {}
    for spec in specs:
        of_method.setdefault(spec.method, []).append(spec)
    subject = _differing(SUBJECT, specs)
    differing = {method: _differing(DIFFERS, mine) for method, mine in of_method.items()}
    return [
        " · ".join(
            [spec.method, *(w for n in subject + differing[spec.method] for w in _words(n, spec))]
        )
        for spec in specs
    ]


def _differing(names: Iterable[str], specs: Sequence[RunSpec]) -> list[str]:
    """The fields that are not the same in all of them."""
    return [name for name in names if len({str(getattr(spec, name)) for spec in specs}) > 1]


def _words(name: str, spec: RunSpec) -> list[str]:
    value = getattr(spec, name)
    if isinstance(value, Mapping):
        return [f"{k} {v}" for k, v in value.items()]
    if value in (None, ""):
        return []
    return [value if isinstance(value, str) else f"{name.replace('_', ' ')} {value}"]


def lines(found: Iterable[Point]) -> list[Line]:
    """Mean and standard deviation over seeds, per series and asked sparsity."""
    groups: dict[str, dict[float, list[Point]]] = {}
    for point in found:
        groups.setdefault(point.series, {}).setdefault(point.asked, []).append(point)
    return [_line(series, by_sparsity) for series, by_sparsity in sorted(groups.items())]


def _line(series: str, by_sparsity: Mapping[float, list[Point]]) -> Line:
    stops = [by_sparsity[asked] for asked in sorted(by_sparsity)]
    scores = [[p.accuracy for p in stop] for stop in stops]
    return Line(
        series=series,
        method=stops[0][0].method,
        sparsity=[statistics.fmean(p.sparsity for p in stop) for stop in stops],
        mean=[statistics.fmean(s) for s in scores],
        spread=[statistics.stdev(s) if len(s) > 1 else 0.0 for s in scores],
        seeds=[len(s) for s in scores],
    )
