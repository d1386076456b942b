"""The effective rank of feature maps: HRank without a threshold."""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from prunelab.filters import ranks
from prunelab.filters.maps import as_images, by_map
from prunelab.masks import Scores
from prunelab.registry import Range, method


@method(
    unit="filters",
    scope="uniform",
    paper="Roy & Vetterli 2007 (the measure); Lin et al. 2020, arXiv:2002.10179 (its use as HRank)",
    label="mean effective rank of its feature maps",
    baseline="random-filter",
    subjects=("vgg-small",),
    needs={"network", "convolutional"},
)
def effective_rank(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    images: Annotated[int, Range(1, 10000), "training examples to look at"] = 256,
) -> Scores:
    """Keep the filters whose feature maps spread over the most directions.

    erank = exp(−Σ p ln p), p = σ/Σσ of the singular values of a map after normalisation and
    activation; the mean over examples. It lies between 1 and the rank, and is 0 for a map of zeros.
    Unlike the numerical rank of hrank it is smooth: a direction counts by how strong it is.
    A neuron has maps of one pixel: 1 where it is active, 0 where it is not.

    Example: singular values (1, 1, 1, 1) give 4, (1, 0, 0) give 1, (2, 1) give 1.8899.
    """
    return by_map(
        net, data, lambda maps: ranks.effective_rank(as_images(maps)), images=images, seed=seed
    )
