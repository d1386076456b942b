"""Filter pruning by the L2 norm."""

from __future__ import annotations

from typing import Any

from torch import nn

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.units.filters import by_filter


@method(
    unit="filters",
    scope="uniform",
    paper="Li et al. 2017, arXiv:1608.08710, section 4.4; He et al. 2018, arXiv:1808.06866",
    label="L2 norm",
    baseline="random-filter",
    subjects=("lenet-5",),
    needs={"network"},
)
def l2_filter(net: nn.Module, data: Any) -> Scores:
    """Keep the filters whose weights have the largest Euclidean norm.

    s = ‖W‖₂ of each filter. Biases and normalisation do not count. Filters that a shortcut adds
    together are scored by the sum over their layers.

    Example: (3, −4) has the norm 5 and stays before (4, 0), with the norm 4; so with the L1 norm.
    (5, 0) and (3, 3) change places: 5 > 4.24, but 5 < 6.
    """
    return by_filter(net, data, lambda weights: weights.norm(dim=1))
