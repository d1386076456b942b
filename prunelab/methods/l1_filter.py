"""Filter pruning by the L1 norm, the baseline of structured pruning."""

from __future__ import annotations

from typing import Any

from torch import nn

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.units.filters import by_filter


@method(
    unit="filters",
    scope="uniform",
    paper="Li et al. 2017, arXiv:1608.08710",
    label="L1 norm",
    baseline="random-filter",
    needs={"network"},
)
def l1_filter(net: nn.Module, data: Any) -> Scores:
    """Keep the filters whose weights have the largest absolute sum.

    Biases and normalisation do not count. Filters that a shortcut adds together are scored by the
    sum over their layers. Norms of different layers are not comparable, hence the same share of
    each layer by default.
    """
    return by_filter(net, data, lambda weights: weights.abs().sum(1))
