"""APoZ: a filter that is mostly silent can go."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from prunelab.filters.maps import by_map
from prunelab.masks import Scores
from prunelab.registry import Range, method


@method(
    unit="filters",
    scope="uniform",
    paper="Hu et al. 2016, arXiv:1607.03250, equation 1",
    label="share of activations above 0",
    baseline="random-filter",
    subjects=("mlp",),
    needs={"network"},
)
def apoz(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    images: Annotated[int, Range(1, 10000), "training examples to look at"] = 256,
) -> Scores:
    """Keep the filters that answer most often.

    APoZ is the average percentage of zeros after the activation, over examples and pixels; the
    score is 1 − APoZ. For activations other than ReLU, zero and below count as silent. Filters that
    a shortcut adds together are scored by the sum over their layers, each before the sum.
    Deviations: the mask is chosen once, not layer by layer with training in between.

    Example: the map (0, 0, 0, 2) is silent in 3 of 4 pixels: the score is 0.25.
    """
    return by_map(net, data, _active, images=images, seed=seed)


def _active(maps: Tensor) -> Tensor:
    """How much of each map is above zero."""
    return (maps > 0).double().flatten(2).mean(2) if maps.ndim > 2 else (maps > 0).double()
