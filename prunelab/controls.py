"""The runs that show what a pruned network owes to its mask, its values and its training."""

from __future__ import annotations

from dataclasses import replace

from prunelab.spec import RunSpec


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
