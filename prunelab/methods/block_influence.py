"""Block influence: remove the residual modules that turn the stream least."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from prunelab.filters.maps import inputs
from prunelab.masks import Scores
from prunelab.registry import Range, method
from prunelab.surgery.branches import flows
from prunelab.units.blocks import GROUP, residuals


@method(
    unit="blocks",
    paper="Men et al. 2024, arXiv:2403.03853 (ShortGPT), equation 1",
    label="1 − cos(before, after)",
    baseline="random-block",
    subjects=("vit-tiny",),
    needs={"network"},
)
def block_influence(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    images: Annotated[int, Range(1, 100_000), "examples to look at"] = 256,
) -> Scores:
    """Keep the residual modules that turn the stream most.

    s = 1 − E cos(x, x + F(x)), the mean over examples and positions; F is what the module adds. A
    module that only scales the stream has influence 0, however much it scales.
    Deviations: attention and feed-forward are scored and removed apart, where ShortGPT removes
    whole layers; the channels of an image's position are its vector.

    Example: x = (1, 0) with F(x) = (0, 1): cos = 1/√2, so the score is 0.29; with F(x) = (1, 0) it
    is 0.
    """
    names = residuals(net, data)
    x = inputs(net, data, images, seed)
    found = flows(net, x, names)
    scores = []
    for name in names:
        before, added = (_vectors(t) for t in found[name])
        scores.append(1 - cosine_similarity(before, before + added, dim=-1).mean())
    return {GROUP: torch.stack(scores).cpu()}


def _vectors(x: torch.Tensor) -> torch.Tensor:
    """A vector for each position: the last axis, or the channels of feature maps."""
    return (x.movedim(1, -1) if x.ndim == 4 else x).double()
