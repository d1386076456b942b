"""What there is to choose from, as plain data asked of another process: nothing heavy loads.

``python -m prunelab.catalogue`` prints it; the answer is kept on disk until a shelf changes.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prunelab.choices import (
    AFTER_TRAINING,
    BUDGETS,
    EQUAL_STEPS,
    LIMITS,
    RECALIBRATED,
    RECOVERS,
    SCOPES,
)
from prunelab.files import find
from prunelab.knobs import check_knobs
from prunelab.shelves import arrivals, asked
from prunelab.spec import RunSpec, SpecError, check_kinds, unknown
from prunelab.speech import _


def catalogue() -> dict[str, Any]:
    """Methods, models, data sets, units, scopes and recoveries, and the files that are broken.

    A file that comes to a shelf is found at once, a changed one when the program starts anew.
    """
    return _at(arrivals())


@functools.lru_cache(maxsize=1)
def _at(_arrivals: tuple[int, ...]) -> dict[str, Any]:
    return asked("prunelab.catalogue", "catalogue")


def describe() -> dict[str, Any]:
    """The catalogue as the registries of this process have it; imports every shelf."""
    from prunelab import registry
    from prunelab.after import distillation
    from prunelab.parts import split
    from prunelab.schedules import SCHEDULES

    shelves = {
        "methods": registry.METHODS,
        "models": registry.MODELS,
        "datasets": registry.DATASETS,
        "units": registry.UNITS,
    }
    found: dict[str, Any] = {
        shelf: {name: _plain(entry) for name, entry in entries.items()}
        for shelf, entries in shelves.items()
    }
    for entry in found["datasets"].values():
        entry["knobs"] += [vars(knob) for knob in registry.knobs_of(split)]
    for entry in found["methods"].values():
        schedule = registry.knobs_of(SCHEDULES[entry["schedule"]])
        entry["knobs"] += [vars(knob) for knob in schedule]
    broken = {shelf: entries.broken for shelf, entries in shelves.items()}
    recovery = {"distill": [vars(knob) for knob in registry.knobs_of(distillation)]}
    return {
        **found,
        "scopes": SCOPES,
        "recovers": RECOVERS,
        "recovery_knobs": recovery,
        "budgets": BUDGETS,
        "broken": broken,
    }


def fits(known: Mapping[str, Any], method: str, model: str) -> str:
    """Why a method cannot prune a model, as a sentence; empty if it can."""
    chosen, traits = known["methods"][method], known["models"][model]["traits"]
    missing = [need for need in chosen["needs"] if need not in traits]
    if not missing and unit_of(known, method, model):
        return ""
    if not missing and "language model" in traits and "examples" in chosen["units"]:
        return _(
            "{method} keeps examples by their classes, which the text of {model} does not have.",
            method=method, model=model,
        )  # fmt: skip
    needs = missing or sorted({n for u in chosen["units"] for n in known["units"][u]["needs"]})
    return _(
        "{method} needs a {needs}; {model} is a {traits}.",
        method=method, needs=_(" and a ").join(map(_, needs)),
        model=model, traits=_(" and a ").join(map(_, traits)),
    )  # fmt: skip


def fits_data(known: Mapping[str, Any], model: str, data: str) -> str:
    """Why a model cannot learn from a data set, as a sentence; empty if it can."""
    traits = known["datasets"][data]["traits"]
    missing = [need for need in known["models"][model]["needs"] if need not in traits]
    if missing:
        needs = _(" and ").join(map(_, missing))
        return _("{model} needs {needs}; {data} has none.", model=model, needs=needs, data=data)
    has = known["models"][model]["traits"]
    wanted = [need for need in known["datasets"][data]["needs"] if need not in has]
    needs = _(" and a ").join(map(_, wanted))
    said = _("{data} needs a {needs}; {model} is none.", data=data, needs=needs, model=model)
    return said if wanted else ""


def unit_of(known: Mapping[str, Any], method: str, model: str) -> str:
    """The unit a method removes from a model: the first of its units that fits, or empty."""
    traits = set(known["models"][model]["traits"])
    units = known["methods"][method]["units"]
    kinds = known["units"]
    return next(
        (
            u
            for u in units
            if set(kinds[u]["needs"]) <= traits and not set(kinds[u]["unless"]) & traits
        ),
        "",
    )


def recoveries(known: Mapping[str, Any], model: str, unit: str) -> tuple[str, ...]:
    """The recoveries that make sense: a tree has nothing to train further, data have steps."""
    if not _network(model, known):
        return ("none",)
    if unit == "examples":
        return ("none", EQUAL_STEPS)
    normed = "batch-normalised network" in known["models"][model]["traits"]
    unfit = (EQUAL_STEPS,) if normed else (EQUAL_STEPS, *RECALIBRATED)
    return tuple(name for name in RECOVERS if name not in unfit)


def validate(spec: RunSpec, known: Mapping[str, Any] | None = None) -> None:
    """Refuse a spec that cannot run, before anything starts.

    Raises:
        SpecError: an unknown name, a value out of bounds, or parts that do not fit together.
    """
    known = known or catalogue()
    check_kinds(vars(spec))
    _known("method", spec.method, known["methods"], known["broken"]["methods"])
    _known("model", spec.model, known["models"], known["broken"]["models"])
    _known("data set", spec.data, known["datasets"], known["broken"]["datasets"])
    reason = fits(known, spec.method, spec.model) or fits_data(known, spec.model, spec.data)
    if reason:
        raise SpecError(reason)
    _numbers(spec)
    if spec.weights:
        find(spec.weights, ".safetensors" if _network(spec.model, known) else ".skops")
    if spec.scope:
        _known("scope", spec.scope, known["scopes"])
    if spec.optimizer:
        _known("optimizer", spec.optimizer, ("sgd", "adam"))
    fit = recoveries(known, spec.model, unit_of(known, spec.method, spec.model))
    if spec.recover and spec.recover not in fit:
        allowed = ", ".join(fit)
        raise SpecError(f"recover must be one of {allowed} for {spec.model}, got {spec.recover!r}.")
    if known["methods"][spec.method]["when"] == "init" and spec.recover in AFTER_TRAINING:
        raise SpecError(
            f"{spec.recover} is for a trained network, but {spec.method} prunes before training; "
            f"choose another recovery or another method."
        )
    _whole_units(spec, known)
    if spec.examples_method or spec.examples_sparsity:
        _examples(spec, known)
    check_knobs(f"method {spec.method}", spec.knobs, knobs_of_run(known, spec))
    check_knobs(f"model {spec.model}", spec.model_knobs, known["models"][spec.model]["knobs"])
    check_knobs(f"data set {spec.data}", spec.data_knobs, known["datasets"][spec.data]["knobs"])


def _whole_units(spec: RunSpec, known: Mapping[str, Any]) -> None:
    """A budget and multiples are for units that are really removed, all at once."""
    if not spec.budget and spec.round_to == 1:
        return
    entry = known["methods"][spec.method]
    unit = known["units"][unit_of(known, spec.method, spec.model)]
    once = entry["when"] == "trained" and entry["schedule"] == "one-shot"
    if not (unit["structured"] and once):
        raise SpecError(
            f"budget and round_to are for methods that remove whole units of a trained network at "
            f"once; {spec.method} does not."
        )
    if spec.budget:
        _known("budget", spec.budget, BUDGETS)
        if spec.layers:
            raise SpecError("Give either a budget or the sparsity of each layer, not both.")


def knobs_of_run(known: Mapping[str, Any], spec: RunSpec) -> list[dict[str, Any]]:
    """The knobs of the method, and those of the recovery that a spec names."""
    recovery = known["recovery_knobs"].get(spec.recover, [])
    return [*known["methods"][spec.method]["knobs"], *recovery]


def own_knobs(specs: Sequence[RunSpec], known: Mapping[str, Any]) -> list[RunSpec]:
    """The specs of several methods, each with only those knobs that its method has.

    Raises:
        SpecError: a knob that none of the methods has.
    """
    there = [spec for spec in specs if spec.method in known["methods"]]
    methods = {spec.method for spec in there}
    names = {s.method: {knob["name"] for knob in knobs_of_run(known, s)} for s in there}
    for spec in specs:
        for name in spec.knobs:
            if methods and not any(name in have for have in names.values()):
                every = set().union(*names.values())
                raise SpecError(unknown("knob of these methods", name, every))
    return [
        replace(s, knobs={k: v for k, v in s.knobs.items() if k in names.get(s.method, s.knobs)})
        for s in specs
    ]


def with_baselines(specs: Sequence[RunSpec], known: Mapping[str, Any]) -> list[RunSpec]:
    """The specs, and for each the same run with its method's random baseline."""
    random = [
        replace(spec, method=known["methods"][spec.method]["baseline"], scope="", knobs={})
        for spec in specs
        if spec.method in known["methods"]
    ]
    return list({spec.key: spec for spec in (*specs, *random)}.values())


def _network(model: str, known: Mapping[str, Any]) -> bool:
    return "network" in known["models"][model]["traits"]


def _examples(spec: RunSpec, known: Mapping[str, Any]) -> None:
    """What may prune the examples before a network is pruned."""
    name = spec.examples_method
    _known("method", name, known["methods"], known["broken"]["methods"])
    entry = known["methods"][name]
    if [*entry["units"]] != ["examples"]:
        raise SpecError(f"examples_method must remove examples; {name} removes other things.")
    if unit_of(known, spec.method, spec.model) == "examples":
        raise SpecError(f"{spec.method} removes examples itself; leave examples_method out.")
    if not _network(spec.model, known) or spec.weights:
        raise SpecError("examples_method needs a network that is trained here.")
    check_knobs(f"method {name}", spec.examples_knobs, entry["knobs"])


def _numbers(spec: RunSpec) -> None:
    shares = (("sparsity", spec.sparsity), ("examples_sparsity", spec.examples_sparsity))
    for name, value in (*shares, *spec.layers.items()):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise SpecError(f"{name} must be at least 0 and below 1, got {value!r}.")
    for name, (low, high) in LIMITS.items():
        value = getattr(spec, name)
        if value is not None and (type(value) is not int or not low <= value <= high):
            raise SpecError(f"{name} must be a whole number from {low} to {high}, got {value!r}.")
    if spec.lr is not None and not (isinstance(spec.lr, int | float) and 0 < spec.lr <= 10):
        raise SpecError(f"lr must be above 0 and at most 10, got {spec.lr!r}.")


def _known(kind: str, name: str, names: Any, broken: Mapping[str, str] | None = None) -> None:
    if name not in names:
        raise SpecError(unknown(kind, name, names, broken or {}))


def _plain(entry: Any) -> dict[str, Any]:
    facts = {k: sorted(v) if isinstance(v, frozenset) else v for k, v in entry.facts.items()}
    knobs = [vars(knob) for knob in entry.knobs]
    learns = inspect.isgeneratorfunction(entry.function)
    told = {"summary": entry.summary, "doc": entry.doc, "knobs": knobs, "learns": learns}
    return told | facts


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe()))
