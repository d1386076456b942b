"""Magnitude before training: a baseline for the methods that score at initialisation."""

from __future__ import annotations

from torch import nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import method


@method(
    unit="weights",
    when="init",
    recover="rewind",
    paper="Frankle et al. 2021, arXiv:2009.08576",
    label="|w|",
    subjects=("lenet-300-100", "resnet-narrow"),
    needs={"network"},
)
def magnitude_at_init(net: nn.Module, data: object) -> Scores:
    """Keep the weights that are largest before training.

    s = |w| at the first values. They are drawn with a spread that depends on the width of a layer,
    so one ranking over all layers mostly decides which layers lose: wide ones first. With PyTorch's
    default first values that goes so far that at a high sparsity a layer with many inputs loses
    everything and the network is at chance (the run warns); the scopes uniform, erk and lamp leave
    something of every layer.

    Example: [[1, −3], [2, 0.5]] at 50 % keeps −3 and 2.
    """
    return {name: w.detach().abs() for name, w in weights(net).items()}
