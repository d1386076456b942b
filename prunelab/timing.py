"""When to prune: the same network pruned at other moments of its training, and at other rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from prunelab.registry import knobs_of
from prunelab.schedules import cubic
from prunelab.spec import RunSpec, Scalar, SpecError, unknown

MOMENTS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)  # shares of training done when pruning begins
SPAN = 0.3  # share of training over which what is not cut at once is cut
ROUNDS = 5
WAYS: dict[str, dict[str, Scalar]] = {
    "at once": {"updates": 1},
    "in rounds": {"updates": ROUNDS, "curve": "rounds"},
    "cubic": {"updates": 20},
}
_DEFAULTS = {knob.name: knob.default for knob in knobs_of(cubic)}


class Timing(NamedTuple):
    """How a run is pruned, and which share of its training is done when that begins."""

    way: str
    moment: float


def moments(
    moment: Iterable[float] = MOMENTS, way: str | Iterable[str] = tuple(WAYS), span: float = SPAN
) -> list[dict[str, Scalar]]:
    """Knobs for ``pl.sweep(method="gradual-magnitude", knobs=pl.moments())``, one for each run.

    Moment 0 is before training, 1 after it. What is not cut at once takes a ``span`` of training,
    less where the end comes earlier.

    >>> moments([0.5], "at once")
    [{'begin': 0.5, 'end': 0.5, 'updates': 1}]

    Raises:
        SpecError: an unknown way, or a moment or a span that is no share.
    """
    names = [way] if isinstance(way, str) else list(way)
    chosen = list(moment)
    for name in names:
        if name not in WAYS:
            raise SpecError(unknown("way to prune", name, WAYS))
    for share in (*chosen, span):
        if not 0 <= share <= 1:
            raise SpecError(f"A moment and a span must be shares from 0 to 1, got {share!r}.")
    return [_knobs(name, share, span) for name in names for share in chosen]


def timing(spec: RunSpec) -> Timing:
    """The way and the moment of a run whose method follows the cubic schedule."""
    knobs: Mapping[str, Any] = _DEFAULTS | dict(spec.knobs)
    if knobs["begin"] == knobs["end"]:
        return Timing("at once", knobs["begin"])
    if knobs["curve"] != "cubic":
        return Timing("in rounds" if knobs["curve"] == "rounds" else "even steps", knobs["begin"])
    return Timing("cubic", knobs["begin"])


def course(spec: RunSpec) -> dict[float, float]:
    """Sparsity by share of training, as the run will have it, from 0 to the end."""
    knobs = {name: spec.knobs[name] for name in _DEFAULTS if name in spec.knobs}
    steps = cubic(spec.sparsity, **knobs)  # type: ignore[arg-type]
    return {0.0: 0.0, **steps, 1.0: spec.sparsity}


def _knobs(way: str, moment: float, span: float) -> dict[str, Scalar]:
    """Only what differs from the defaults, so that the same run has one name everywhere."""
    end = moment if way == "at once" else min(1.0, round(moment + span, 6))
    knobs = {"begin": moment, "end": end, **WAYS[way]}
    return {name: value for name, value in knobs.items() if value != _DEFAULTS[name]}
