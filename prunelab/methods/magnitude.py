"""Magnitude pruning: the baseline every other method has to beat."""

from __future__ import annotations

import torch
from torch import nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.ranking import Each
from prunelab.registry import method


@method(unit="weights", paper="Han et al. 2015, arXiv:1506.02626", label="|w|", needs={"network"})
def magnitude(net: nn.Module, data: object) -> Scores:
    """Keep the weights of largest absolute value."""
    return Each(weights(net), torch.abs)
