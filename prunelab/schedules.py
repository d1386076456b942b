"""How sparsity grows over a run: at once, in rounds, or along a cubic curve while training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

from prunelab.registry import Range

Share = Annotated[float, Range(0, 1, 0.05), "share of training"]


Curve = Literal["cubic", "rounds", "even"]
CURVES: dict[str, Callable[[float, float], float]] = {
    "cubic": lambda sparsity, t: sparsity - sparsity * (1 - t) ** 3,
    "rounds": lambda sparsity, t: 1 - (1 - sparsity) ** t,
    "even": lambda sparsity, t: sparsity * t,
}


def one_shot(sparsity: float) -> tuple[float, ...]:
    """All at once."""
    return (sparsity,)


def rounds(
    sparsity: float,
    *,
    rounds: Annotated[int, Range(1, 30), "prune and retrain so many times"] = 5,
) -> tuple[float, ...]:
    """The sparsity after each round when every round removes the same share of what is left.

    >>> [round(s, 4) for s in rounds(0.75, rounds=2)]
    [0.5, 0.75]
    """
    kept = (1 - sparsity) ** (1 / rounds)
    return (*(1 - kept**r for r in range(1, rounds)), sparsity)


def lottery(
    sparsity: float,
    *,
    rate: Annotated[
        float, Range(0.05, 0.999, 0.05), "share of what is left to prune a round"
    ] = 0.2,
    rewind_epoch: Annotated[int, Range(0, 100), "epoch whose weights are set back"] = 0,
) -> tuple[float, ...]:
    """Rounds that each remove ``rate`` of what is left, the last one only what is still asked for.

    ``rewind_epoch`` is read by the recovery.

    >>> [round(s, 4) for s in lottery(0.5)]
    [0.2, 0.36, 0.488, 0.5]
    """
    if not sparsity:
        return (0.0,)
    count = math.ceil(math.log(1 - sparsity) / math.log(1 - rate) - 1e-9)
    return (*(1 - (1 - rate) ** r for r in range(1, count)), sparsity)


def settle(
    sparsity: float,
    *,
    settle: Annotated[float, Range(0.1, 1, 0.05), "share of training after which to prune"] = 0.8,
) -> dict[float, float]:
    """All at once, late in training: until then the method learns what to prune."""
    return {settle: sparsity}


def cubic(
    sparsity: float,
    *,
    begin: Share = 0.1,
    end: Share = 0.7,
    updates: Annotated[int, Range(1, 500), "times the mask is chosen anew"] = 20,
    curve: Annotated[
        Curve, "cubic, the same share of what is left each time, or even steps"
    ] = "cubic",
) -> dict[float, float]:
    """Sparsity by share of training: fast at first, then slower (Zhu & Gupta 2017, equation 1).

    All at once where it begins and ends at one moment. ``curve`` rounds removes the same share of
    what is left each time (Han et al. 2015), even the same number.

    >>> [round(s, 4) for s in cubic(0.9, begin=0, end=1, updates=10).values()][:3]
    [0.0, 0.2439, 0.4392]
    """
    if begin > end:
        raise ValueError(f"begin must not be after end, got {begin} and {end}.")
    times = [k / updates for k in range(updates)]
    steps = {begin + t * (end - begin): CURVES[curve](sparsity, t) for t in times}
    return {**steps, end: sparsity}


SCHEDULES: dict[str, Callable[..., tuple[float, ...] | dict[float, float]]] = {
    "one-shot": one_shot,
    "rounds": rounds,
    "lottery": lottery,
    "cubic": cubic,
    "settle": settle,
}
