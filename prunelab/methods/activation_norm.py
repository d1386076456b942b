"""Neurons by how strongly they answer: the simplest look at data, and LLM-Rank's rival."""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from prunelab.filters.maps import inputs
from prunelab.filters.norms import norms, used
from prunelab.filters.readers import readers
from prunelab.masks import Scores
from prunelab.registry import Range, method
from prunelab.units.filters import planned


@method(
    unit="filters",
    scope="uniform",
    paper="the activation baseline of Hoffmann et al. 2024, arXiv:2410.13299",
    label="activation norm",
    baseline="random-filter",
    subjects=("mlp",),
    needs={"network"},
)
def activation_norm(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    examples: Annotated[int, Range(1, 10_000), "training examples to run"] = 64,
) -> Scores:
    """Keep the neurons that answer most strongly.

    The norm, over tokens of training examples, of what the layers that read a neuron receive from
    it: after its activation, and times its gate where there is one.

    Example: a neuron that answers 3 and 4 scores 5.
    """
    groups = planned(net, data).classes
    reading = {r.layer for group in groups for r in readers(net, group)}
    seen = norms(net, inputs(net, data, examples, seed), reading)
    return {group.name: used(net, group, seen) for group in groups}
