"""FPGM: filters near the geometric median of their layer are the replaceable ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.units.filters import by_filter


@method(
    unit="filters",
    scope="uniform",
    paper="He et al. 2019, arXiv:1811.00250, equation 8",
    label="Σ distance to the others",
    baseline="random-filter",
    subjects=("resnet-narrow",),
    needs={"network"},
)
def fpgm(net: nn.Module, data: Any) -> Scores:
    """Keep the filters that are far from all others of their layer.

    s = Σⱼ ‖Wᵢ − Wⱼ‖₂ over the filters of the layer: the smallest is nearest to the geometric
    median, and what it does the others can do. Filters that a shortcut adds together are scored by
    the sum over their layers.
    Deviations: the mask is chosen once and then trained, not chosen anew after every epoch; the
    mixture with a norm is left out. Distances are Euclidean: so are they in the official code, even
    where it is asked for others.

    Example: filters at 0, 1, 2, 5, 10 on a line have the sums 18, 15, 14, 17, 32: the third goes
    first, while a norm removes the one at 0.
    """
    return by_filter(net, data, _apart)


def _apart(weights: Tensor) -> Tensor:
    far: Tensor = torch.cdist(weights, weights, compute_mode="donot_use_mm_for_euclid_dist")
    return far.sum(1)
