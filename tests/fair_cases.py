"""A comparison that keeps every rule, made by hand: results without any training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prunelab.catalogue import catalogue
from prunelab.controls import controls
from prunelab.events import Result
from prunelab.figures.means import SUBJECT
from prunelab.spec import RunSpec, sweep

STOPS = (0.5, 0.75, 0.875, 0.9375, 0.96875)
PAIRS = (("digits", "lenet-300-100"), ("fashion-mnist", "lenet-5"), ("breast-cancer", "mlp"))
MAGNITUDE, UNIFORM, CHANCE = ({}, {"scope": "uniform"}, {"method": "random"})


def ended(spec: RunSpec, **changes: Any) -> Result:
    """What a run of a spec would have said, had it been run: numbers from its seed and method."""
    known = catalogue()
    epochs = known["datasets"][spec.data]["epochs"]
    luck = ((spec.seed * 7919 + len(spec.method)) % 13) / 1000
    worth = 0.1 if spec.method.startswith("random") else 0.02
    after = 0.97 - worth * spec.sparsity + luck
    dense = {"accuracy": 0.97 + luck, "validation_accuracy": 0.96, "nonzero": 1000}
    left = round(1000 * (1 - spec.sparsity))
    recovered = {
        "accuracy": after, "validation_accuracy": after - 0.01, "loss": 0.1, "nonzero": left,
        "params": 1000, "macs": {"dense": 1000, "ideal": left, "shipped": 1000},
        "bytes": {"raw": 4000, "zip": 4 * left}, "latency_ms": {"median": 1.0},
    }  # fmt: skip
    plan = {"dense": spec.epochs or epochs, "recover": spec.recover_epochs or 15}
    whole = Result(
        key=spec.key,
        status="finished",
        spec=spec.to_json(),
        manifest={"seed": spec.seed, "data": f"hash of {spec.data}", "torch": "2"},
        unit="weights",
        sparsity={"asked": spec.sparsity, "achieved": spec.sparsity, "of": 1000},
        dense=dense,
        recovered=recovered,
        plan=plan,
        seconds=2.0,
    )
    return replace(whole, **changes)


def fair_specs() -> list[RunSpec]:
    """Magnitude, the same layer by layer, random, and dense trained as long, on three pairs."""
    specs = []
    for data, model in PAIRS:
        base = RunSpec(data=data, model=model)
        for kind in (MAGNITUDE, UNIFORM, CHANCE):
            specs += sweep(replace(base, **kind), sparsity=STOPS, seed=range(3))
        specs += [
            controls(replace(base, seed=s))["dense, trained as long"] for s in range(3)
        ]  # fmt: skip
    return specs


def fair_results() -> list[Result]:
    """Their results."""
    return [ended(spec) for spec in fair_specs()]


def subject(spec: RunSpec) -> tuple[Any, ...]:
    """What a run is about."""
    return tuple(getattr(spec, name) for name in SUBJECT)
