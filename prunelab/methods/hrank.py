"""HRank: a filter whose maps have a low rank says little."""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from prunelab.filters.maps import as_images, by_map
from prunelab.filters.ranks import numerical_rank
from prunelab.masks import Scores
from prunelab.registry import Range, method


@method(
    unit="filters",
    scope="uniform",
    paper="Lin et al. 2020, arXiv:2002.10179, equation 6",
    label="mean rank of its feature maps",
    baseline="random-filter",
    subjects=("resnet-narrow",),
    needs={"network", "convolutional"},
)
def hrank(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    images: Annotated[int, Range(1, 10000), "training examples to look at"] = 256,
) -> Scores:
    """Keep the filters whose feature maps have the highest rank.

    The numerical rank of each map after normalisation and activation: how many of its singular
    values are above σ₁ · max(h, w) · ε, ε of the map's dtype; the mean over examples. See
    effective-rank for the measure without a threshold. The rank mostly says how much of a map is
    active: a map with many zero rows or columns has a low one.
    A neuron has maps of one pixel, whose rank is 1 where it is active and 0 where it is not.
    Deviations: the mask is chosen once, not layer by layer with training in between (as the authors
    later advise: HRankPlus). In residual networks the maps are those of a layer itself, before the
    shortcut is added.

    Example: the map ((1, 2), (2, 4)) has rank 1, ((1, 2), (2, 5)) has rank 2.
    """
    return by_map(net, data, lambda maps: numerical_rank(as_images(maps)), images=images, seed=seed)
