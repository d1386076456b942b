"""The lottery ticket against its controls: who starts, and who has won beyond chance."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from prunelab.controls import DENSE, small_dense
from prunelab.events import Result
from prunelab.spec import RunSpec

LEVEL = 0.05  # how often a medal may go to a lane that is not the best
TICKET = "winning ticket"
LANES = {
    TICKET: "Pruned in rounds; what is left gets its early values back and trains again.",
    "new first values": "The ticket's mask, but other first values: what are the values worth?",
    "shuffled mask": "The ticket's values and counts a layer, but other places: what is the mask?",
    "fine-tuned": "Pruned in rounds, and trained on at a tenth of the learning rate, not set back.",
    "learning rate rewound": "Pruned in rounds; the values stay, the learning rate is set back.",
    "one shot": "All pruned at once, then set back to early values: what are the rounds worth?",
    "small dense": "A narrower network with as many weights and no holes, trained from scratch.",
}


class Starter(NamedTuple):
    """One run of the race."""

    lane: str
    sparsity: float
    spec: RunSpec


class Arrival(NamedTuple):
    """A run of the race that has ended."""

    lane: str
    sparsity: float
    seed: int
    accuracy: float
    dense: float
    epochs: int  # trained in all, the dense network and every round
    key: str


class Margin(NamedTuple):
    """How far one lane is ahead of another: the mean over seeds, and an interval."""

    lane: str
    behind: str
    sparsity: float
    mean: float
    low: float
    high: float
    seeds: int
    apart: bool  # the interval lies above zero


class Verdict(NamedTuple):
    """Who leads at a sparsity; ``medal`` where it is ahead of every other lane beyond chance."""

    sparsity: float
    leader: str
    medal: bool
    margins: tuple[Margin, ...]  # over each other lane, the most doubtful first


def starters(
    base: RunSpec,
    sparsities: Iterable[float],
    seeds: Iterable[int],
    *,
    epochs: int,
    lanes: Iterable[str] = tuple(LANES),
) -> list[Starter]:
    """The runs of a race; every last training is ``epochs`` long, or as long less the rewinding.

    ``base`` gives data, model, training, and the knobs of the ticket.
    """
    found = []
    for lane in lanes:
        if lane == "small dense" and base.model not in DENSE:
            continue
        for sparsity in sparsities:
            for seed in seeds:
                spec = replace(base, method="lottery-ticket", sparsity=sparsity, seed=seed)
                found.append(Starter(lane, sparsity, _in_lane(spec, lane, epochs)))
    return found


def _in_lane(spec: RunSpec, lane: str, epochs: int) -> RunSpec:
    if lane == "small dense" and (narrow := small_dense(spec)):
        return narrow
    if lane == "one shot":
        return replace(spec, knobs={**spec.knobs, "rate": max(0.05, spec.sparsity)})
    recover = {
        "new first values": "reinit",
        "shuffled mask": "shuffle",
        "fine-tuned": "finetune",
        "learning rate rewound": "lr-rewind",
    }.get(lane, "")
    return replace(spec, recover=recover, recover_epochs=epochs if lane == "fine-tuned" else None)


def arrivals(race: Sequence[Starter], results: Mapping[str, Result]) -> list[Arrival]:
    """The starters that have ended, with the results by key."""
    found = []
    for lane, sparsity, spec in race:
        result = results.get(spec.key)
        if result is not None and "accuracy" in result.recovered:
            before = float("nan") if lane == "small dense" else result.dense["accuracy"]
            epochs = sum(result.plan.values())
            after = result.recovered["accuracy"]
            found.append(Arrival(lane, sparsity, spec.seed, after, before, epochs, spec.key))
    return found


def judge(arrived: Sequence[Arrival]) -> list[Verdict]:
    """The leader at each sparsity, and whether it is ahead beyond chance.

    The accuracies are compared seed by seed: a t-interval of the paired differences to each other
    lane. With m lanes each interval is at level 1 - 0.05/(m - 1) (Bonferroni), so that over all
    races with seeds like these at most one medal in twenty goes to a lane that is not the best. At
    least two seeds; a difference that is the same in every seed has no spread to judge by.
    """
    found = []
    for sparsity in sorted({a.sparsity for a in arrived}):
        here = _by_lane(a for a in arrived if a.sparsity == sparsity)
        if len(here) < 2:
            continue
        means = {lane: statistics.fmean(seeds.values()) for lane, seeds in here.items()}
        leader = max(means, key=means.__getitem__)
        margins = margins_of(leader, here, sparsity)
        found.append(Verdict(sparsity, leader, all(m.apart for m in margins), margins))
    return found


def margins(arrived: Sequence[Arrival], lane: str = TICKET) -> list[Margin]:
    """How far one lane is ahead of each other at each sparsity, with the same intervals."""
    found: list[Margin] = []
    for sparsity in sorted({a.sparsity for a in arrived}):
        here = _by_lane(a for a in arrived if a.sparsity == sparsity)
        if lane in here and len(here) > 1:
            found += margins_of(lane, here, sparsity)
    return found


def _by_lane(arrived: Iterable[Arrival]) -> dict[str, dict[int, float]]:
    """Accuracies by lane and seed: only seeds that every lane has run, so that pairs are pairs."""
    lanes: dict[str, dict[int, float]] = {}
    for a in arrived:
        lanes.setdefault(a.lane, {})[a.seed] = a.accuracy
    common = set.intersection(*map(set, lanes.values())) if lanes else set()
    return {n: {s: seeds[s] for s in sorted(common)} for n, seeds in lanes.items() if common}


def margins_of(
    lane: str, here: Mapping[str, Mapping[int, float]], sparsity: float
) -> tuple[Margin, ...]:
    """The margins of one lane over the others at one sparsity, the most doubtful first."""
    level = LEVEL / (len(here) - 1)
    found = []
    for other, seeds in here.items():
        if other != lane:
            ahead = [here[lane][seed] - seeds[seed] for seed in seeds]
            found.append(_margin((lane, other, sparsity), ahead, level))
    return tuple(sorted(found, key=lambda m: (m.apart, m.mean)))


def _margin(who: tuple[str, str, float], ahead: Sequence[float], level: float) -> Margin:
    from scipy.special import stdtrit  # a tenth of a second that a page without a race saves

    mean, seeds = statistics.fmean(ahead), len(ahead)
    if seeds < 2:
        return Margin(*who, mean, -math.inf, math.inf, seeds, apart=False)
    sd = statistics.stdev(ahead)
    half = float(stdtrit(seeds - 1, 1 - level / 2)) * sd / math.sqrt(seeds)
    apart = bool(sd) and mean > half
    return Margin(*who, mean, mean - half, mean + half, seeds, apart)
