"""LLM-Rank: neurons of MLPs by weighted PageRank over the layer that makes them."""

from __future__ import annotations

import functools
from typing import Annotated, Any

from torch import nn

from prunelab.filters.ranked import Activity, ranked
from prunelab.masks import Scores
from prunelab.pagerank import weighted
from prunelab.registry import Range, method


@method(
    unit="filters",
    scope="uniform",
    paper="Hoffmann et al. 2024, arXiv:2410.13299",
    label="weighted PageRank",
    baseline="random-filter",
    subjects=("mlp",),
    needs={"network"},
)
def llm_rank(  # noqa: PLR0913 - each is a knob of its card
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    gamma: Annotated[
        float, Range(0, 1, 0.05), "share that flows through the layer; 0: the activity alone"
    ] = 0.9,
    theta: Annotated[
        float, Range(0, 1, 0.05), "share of it that flows by |w|; the rest evenly over links"
    ] = 0.5,
    activity: Annotated[Activity, "read: after activation and gate; raw: before"] = "read",
    chained: Annotated[bool, "take ranks of neurons before as what flows in"] = False,
    examples: Annotated[int, Range(1, 10_000), "training examples to run"] = 64,
) -> Scores:
    """Keep the neurons that weighted PageRank finds important: linked well, and active.

    v = γ · [θ · |W| / colsum + (1 − θ) · links / colsum] p + (1 − γ) · a, sums scaled to 1. p is
    the norm of what the layer reads, a of what the next layer reads of each neuron, over tokens of
    training examples. Of a gated MLP the up-projection is ranked; the gate's row and the column of
    the down-projection go with the neuron. A kernel of a convolution counts by its sum.
    Deviations: the published code has γ = 0 as its default, takes a before the activation (raw),
    and zeroes rows of the down-projection too; here neurons are removed for real.

    Example: W = ((1, −2, 0), (3, 2, 1)), p = (0.5, 0.3, 0.2), a = (1, 3): v = (0.32875, 0.67125).
    """
    rank = functools.partial(weighted, gamma=gamma, theta=theta)
    return ranked(net, data, rank, activity=activity, chained=chained, examples=examples, seed=seed)
