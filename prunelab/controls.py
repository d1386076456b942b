"""The runs that show what a pruned network owes to its mask, its values and its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prunelab.spec import RunSpec

EQUAL_TIME = "dense, trained as long"  # zeros cost the time of what they were
SMALL, SMALL_LONG = "small dense", "small dense, trained as long"
DENSE = ("lenet-300-100", "mlp")  # what a narrower perceptron can stand in for


def controls(spec: RunSpec) -> dict[str, RunSpec]:
    """The controls of a run on a network, by what each changes; all share its dense network.

    >>> controls(RunSpec())["dense, trained as long"].sparsity
    0.0
    """
    return {
        "shuffled mask": replace(spec, recover="shuffle"),
        "new first values": replace(spec, recover="reinit"),
        "from scratch, equal epochs": replace(spec, recover="scratch-e"),
        "from scratch, equal multiply-adds": replace(spec, recover="scratch-b"),
        EQUAL_TIME: replace(spec, sparsity=0.0, layers={}),
    }


def small_dense(spec: RunSpec) -> RunSpec | None:
    """A narrower dense perceptron with as many weights, from scratch; None for other models.

    >>> small_dense(RunSpec(sparsity=0.75)).model_knobs
    {'widths': '300-100', 'share': 0.25}
    """
    if spec.model not in DENSE:
        return None
    wide = spec.model_knobs.get("widths", "64-32") if spec.model == "mlp" else "300-100"
    return replace(
        spec,
        model="mlp",
        model_knobs=dict(spec.model_knobs) | {"widths": wide, "share": 1 - spec.sparsity},
        method="magnitude",
        sparsity=0.0,
        knobs={},
        recover="none",
        layers={},
    )


def every(spec: RunSpec, plan: Mapping[str, int]) -> dict[str, RunSpec]:
    """All controls of a run, whose epochs by phase are its plan, with the narrower network's.

    >>> list(every(RunSpec(), {"dense": 30, "recover": 15}))[-1]
    'small dense, trained as long'
    """
    found, narrow = controls(spec), small_dense(spec)
    if narrow:
        found[SMALL] = narrow
        found[SMALL_LONG] = replace(narrow, epochs=sum(plan.values()))
    return found
