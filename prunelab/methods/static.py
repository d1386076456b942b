"""Static sparse training: a random mask before training, larger in larger layers."""

from __future__ import annotations

from torch import nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import method
from prunelab.rewiring import drawn


@method(
    unit="weights",
    when="init",
    scope="erk",
    recover="rewind",
    paper="Mocanu et al. 2018, arXiv:1707.04780 (fixed probability); Evci et al. 2020, appendix",
    label="random number",
    subjects=("lenet-300-100", "resnet-narrow"),
    needs={"network"},
)
def static(net: nn.Module, data: object, *, seed: int) -> Scores:
    """Keep weights drawn at random before training, and never change them.

    The Erdős-Rényi-kernel allocation keeps ε·(sum of a layer's dimensions) weights of each layer.
    What rewiring (SET, RigL) is worth is the distance to this.
    Deviation: counts are exact, not drawn. In the official code of RigL "static" regrows weights
    where they were; this is its "scratch".
    """
    return drawn(weights(net), seed, "static")
