"""The runs that show what a pruned network owes to its mask, its values and its training."""

from __future__ import annotations

from dataclasses import replace

from prunelab.spec import RunSpec

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
        "dense, trained as long": replace(spec, sparsity=0.0, layers={}),
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
