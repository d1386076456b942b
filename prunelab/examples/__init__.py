"""Finished runs that ship with PruneLab, so that the first pages show something real at once.

``python benchmarks/make_example.py`` makes a sweep from real runs, ``make_training.py`` runs of
methods that prune while they train, ``make_race.py`` lottery tickets and their controls,
``make_data.py`` a choice of examples, ``make_both.py`` that and pruned weights together,
``make_scissors.py`` every cut of the weights by a threshold, ``make_forecast.py`` what would break,
``make_worked.py`` every method on a tiny model,
``make_comparison.py`` methods side by side and a search for the balance, ``make_breakeven.py`` the
times of a layer,
``make_language.py`` language models and what pruning does to them.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from prunelab.crossing import BreakEven
from prunelab.events import Event, Result, fold, from_json
from prunelab.foresight import Forecast
from prunelab.scissors import Scissors
from prunelab.spec import RunSpec, sweep

KEY = "example"
DATA = "example-data"
LANGUAGE = "example-language"
FOLDER = Path(__file__).parent / "files"
TRAINING = ("rigl", "movement", "variational-dropout", "l0")
BOTH = RunSpec(model="mlp", method="magnitude", examples_method="aum")
BOTH_KEPT, BOTH_SPARSITIES, BOTH_SEEDS = (1.0, 0.6, 0.3, 0.1), (0.0, 0.5, 0.8, 0.9, 0.95), 3
COMPARED = RunSpec(model="mlp")
COMPARED_METHODS, COMPARED_SEEDS, CONTROLLED = ("magnitude", "wanda", "random"), 3, 0.9375
COMPARED_SPARSITIES = (0.5, 0.75, 0.875, 0.9375, 0.96875)
SEARCHED, TOLERATED, SEARCH_SEEDS = RunSpec(), 0.01, 5
RACE_KNOBS = {"rewind_epoch": 1, "rate": 0.2}


class Example(NamedTuple):
    """One run with all its events, and the sweep it belongs to as headline numbers."""

    result: Result
    sweep: tuple[Result, ...]
    layer: str  # whose weights the first page shows


class Entrant(NamedTuple):
    """One run of the race: its lane, the sparsity it runs for, its spec and headline numbers."""

    lane: str
    sparsity: float
    spec: RunSpec
    result: Result


def result(key: str = KEY) -> Result | None:
    """A run as if it came from the store; None for a key that is no example's."""
    if key == KEY:
        return example().result
    if key == DATA:
        return data()
    if key == LANGUAGE:
        return language()
    method = key.removeprefix(f"{KEY}-")
    return training(method) if key != method and method in TRAINING else None


def training_key(method: str) -> str:
    """The key of the example of a method that prunes while training; "" where there is none."""
    return f"{KEY}-{method}" if method in TRAINING else ""


@functools.cache
def example() -> Example:
    """Everything of the example, read once."""
    told: dict[str, Any] = _read("example")
    run = replace(fold(map(from_json, told["events"])), key=KEY)
    sweep = tuple(Result(**headline) for headline in told["sweep"])
    return Example(run, sweep, told["layer"])


@functools.cache
def training(method: str) -> Result:
    """The run of a method that prunes while it trains, with its stills, read once."""
    told = _read(f"training-{method}")
    return replace(fold(map(from_json, told)), key=training_key(method))


@functools.cache
def data() -> Result:
    """The run that chose examples, read once."""
    return replace(fold(data_events()), key=DATA)


@functools.cache
def language() -> Result:
    """The run on a language model, read once."""
    return replace(fold(map(from_json, _read(LANGUAGE))), key=LANGUAGE)


def data_events() -> list[Event]:
    """What that run told."""
    return [from_json(event) for event in _read(DATA)]


def both_specs(
    base: RunSpec,
    chooser: str,
    kept: Iterable[float],
    sparsities: Iterable[float],
    seeds: Iterable[int],
) -> list[RunSpec]:
    """The runs of a plane: examples chosen first, weights pruned after, every seed."""
    first = replace(base, examples_method=chooser)
    removed = [round(1 - share, 6) for share in sorted(kept, reverse=True)]
    return sweep(first, examples_sparsity=removed, sparsity=sorted(sparsities), seed=seeds)


@functools.cache
def both() -> dict[str, Result]:
    """The runs of the plane that shipped by key, read once."""
    return {told["key"]: Result(**told) for told in _read("both")}


@functools.cache
def scissors() -> Scissors:
    """Every cut of the default network by a threshold, read once."""
    return Scissors(_read("scissors"))


@functools.cache
def forecast() -> Forecast:
    """What four methods would leave of the default network, read once."""
    return Forecast(_read("forecast"))


@functools.cache
def comparison() -> dict[str, Result]:
    """The runs of the comparison that shipped by key, read once."""
    return {told["key"]: Result(**told) for told in _read("comparison")}


@functools.cache
def controls() -> dict[str, Result]:
    """The controls of one of its methods at one sparsity by key."""
    return {told["key"]: Result(**told) for told in _read("controls")}


@functools.cache
def searched() -> dict[str, Result]:
    """The runs of the search for the balance that shipped by key."""
    return {told["key"]: Result(**told) for told in _read("balance")}


@functools.cache
def breakeven() -> BreakEven:
    """The times of a layer that shipped, read once."""
    return BreakEven(_read("breakeven"))


def compared_folder(key: str) -> Path:
    """Where the answers and masks of a run of that comparison are."""
    return FOLDER / "comparison" / key


@functools.cache
def race() -> tuple[Entrant, ...]:
    """The race of the lottery tickets, read once."""
    return tuple(
        Entrant(lane, sparsity, RunSpec.from_json(spec), Result(**headline))
        for lane, sparsity, spec, headline in _read("race")
    )


def _read(name: str) -> Any:
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)
