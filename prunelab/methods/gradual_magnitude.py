"""Gradual magnitude pruning: the mask grows while the network trains."""

from __future__ import annotations

from torch import nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import method


@method(
    unit="weights",
    when="training",
    schedule="cubic",
    scope="uniform",
    recover="none",
    paper="Zhu & Gupta 2017, arXiv:1710.01878, equation 1",
    label="|w|",
    subjects=("lenet-300-100", "lenet-5"),
    needs={"network"},
)
def gradual_magnitude(net: nn.Module, data: object) -> Scores:
    """Prune along a cubic curve while training from scratch, smallest weights first.

    The same target for every layer, as published. Deviation: what is pruned stays pruned (the
    original keeps the old value and may bring it back); the last update lands exactly on the
    sparsity asked for, also where the frequency does not divide the span.
    """
    return {name: w.detach().abs() for name, w in weights(net).items()}
