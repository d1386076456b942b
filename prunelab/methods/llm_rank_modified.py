"""LLM-Rank's other rank: what flows into a neuron, times how active it is."""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from prunelab.filters.ranked import Activity, ranked
from prunelab.masks import Scores
from prunelab.pagerank import modified
from prunelab.registry import Range, method


@method(
    unit="filters",
    scope="uniform",
    paper="Hoffmann et al. 2024, arXiv:2410.13299 (modified weighted PageRank)",
    label="modified PageRank",
    baseline="random-filter",
    subjects=("mlp",),
    needs={"network"},
)
def llm_rank_modified(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    activity: Annotated[Activity, "read: after activation and gate; raw: before"] = "read",
    chained: Annotated[bool, "take ranks of neurons before as what flows in"] = False,
    examples: Annotated[int, Range(1, 10_000), "training examples to run"] = 64,
) -> Scores:
    """Keep the neurons that much flows into and that answer strongly.

    v = (|W| p) · a, scaled to sum to 1; p is the norm of what the layer reads, a of what the next
    layer reads of each neuron, over tokens of training examples. Of a gated MLP the up-projection
    is ranked, and its gate goes along.

    Example: W = ((1, −2, 0), (3, 2, 1)), p = (0.5, 0.3, 0.2), a = (1, 3): v = (0.1375, 0.8625).
    """
    return ranked(
        net, data, modified, activity=activity, chained=chained, examples=examples, seed=seed
    )
